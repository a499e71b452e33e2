"""Refuse tasks that cannot be trained, with every problem at once, before a worker is requested."""

import numpy as np

from raytrain.config.augmentation import AugmentationSpec, OneOfSpec
from raytrain.config.framing import WholeSpec
from raytrain.config.losses import loss_problems
from raytrain.config.models import PixelsBase
from raytrain.config.target import outputs
from raytrain.config.trial import TrialSpec
from raytrain.data.augment import augmented, build_augmentation, steps_of
from raytrain.data.framing import network_size
from raytrain.data.report import DataReport
from raytrain.engine.compiling import compile_problem
from raytrain.engine.hold import hold_problem
from raytrain.engine.optimizers import optimizer_problem
from raytrain.engine.run import Run
from raytrain.engine.start import start_problems
from raytrain.models import refusal, without_memory
from raytrain.models.heads import attach_problems
from raytrain.models.weights import fetch_weights
from raytrain.runs.messages import counted
from raytrain.runs.record import Task


def make_trainable(tasks: list[Task], run: Run) -> None:
    """Refuse networks, transforms and optimizers that cannot work, and fetch pretrained weights.

    Raises ValueError that lists every problem.
    """
    report = run.report
    modes = {task.spec.compile for task in tasks}
    problems = [problem for mode in modes if (problem := compile_problem(mode))][:1]
    specs = [task.spec for task in tasks]
    problems += [problem for spec in specs for problem in _data_problems(spec, report)]
    problems += _model_problems(specs, report)
    problems += [problem for spec in specs if (problem := hold_problem(spec))]
    problems += _pixel_problems(tasks, report)
    for loss in {spec.loss for spec in specs}:
        problems += loss_problems(loss, report.target, len(report.classes))
    for augmentation, framing in {(spec.augmentation, spec.framing) for spec in specs}:
        shape_HWC = (*network_size(framing, report.largest), report.channels)
        found = augmentation_problems(augmentation, shape_HWC, report.dtype)
        problems += [f"trial.augmentation: {problem}" for problem in found]
    for model, framing in {(spec.model, spec.framing) for spec in specs}:
        size = network_size(framing, report.largest)
        maps = outputs(len(report.classes), report.target)
        problem = refusal(model, report.channels, maps, *size)
        if problem:
            problems.append(f"trial.model: {problem}")
            continue
        try:
            fetch_weights(model, run.folder.weights)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("\n".join(sorted(set(problems))))


def _data_problems(spec: TrialSpec, report: DataReport) -> list[str]:
    """Return a problem for each requirement of the trial that the data does not meet."""
    problems = []
    if isinstance(spec.framing, WholeSpec) and len(report.sizes) > 1:
        shown = ", ".join(list(report.sizes)[:5]) + (", ..." if len(report.sizes) > 5 else "")
        problems.append(
            f"trial.framing: the images have {len(report.sizes)} sizes ({shown}); choose "
            "{name: resize}, {name: pad} or {name: tiles} instead of whole"
        )
    if spec.normalization == "imagenet" and not (
        report.dtype == "uint8" and report.channels in (1, 3)
    ):
        problems.append(
            "trial.normalization: imagenet needs 8 bits and 1 or 3 channels; these images have "
            f"{counted(report.channels, 'channel')} of {report.dtype}; choose dataset or image"
        )
    return problems


def _pixel_problems(tasks: list[Task], report: DataReport) -> list[str]:
    """Return a problem for each pixel classifier among the tasks that cannot be trained."""
    pixels = [task for task in tasks if isinstance(task.spec.model, PixelsBase)]
    problems = [
        f"trial.model: {task.spec.model.label} trains on one worker, not {task.workers}; "
        f"set {'search' if task.station == 'search' else 'finalize'}.workers=1"
        for task in pixels
        if task.workers > 1
    ]
    if pixels and report.target == "multi_label":
        label = pixels[0].spec.model.label
        problems.append(
            f"trial.model: {label} needs one class per pixel, but the classes of this competition "
            "overlap; choose a network, such as {name: unet}"
        )
    return problems


def _model_problems(specs: list[TrialSpec], report: DataReport) -> list[str]:
    """Return the problems of optimizers and initial weights that do not fit their networks. A
    network that cannot be built is reported elsewhere."""
    problems = []
    for network in {spec.model for spec in specs}:
        try:
            maps = outputs(len(report.classes), report.target)
            model = without_memory(network, report.channels, maps)
        except (RuntimeError, ValueError):
            continue
        mine = [spec for spec in specs if spec.model == network]
        found = [optimizer_problem(spec.optimizer, model) for spec in mine]
        problems += [f"trial.optimizer: {problem}" for problem in found if problem]
        for spec in mine:
            problems += start_problems(spec, model)
            problems += attach_problems(model, network.label, spec.deep_supervision, spec.presence)
    return problems


DRAWS = 8
"""Number of draws that is enough to see every behavior of a transform: a quarter turn occurs in one
draw of two."""


def augmentation_problems(
    spec: AugmentationSpec, shape_HWC: tuple[int, int, int], dtype: str
) -> list[str]:
    """Return one line for each transform that cannot be applied to such images. Each is tried on
    random values."""
    height, width, channels = shape_HWC
    size = f"{width}x{height}"
    values = np.random.default_rng(0).integers(0, 256, shape_HWC)
    image_HWC = values.astype(dtype)
    mask_HW = np.zeros((height, width), np.uint8)
    problems = []
    for step in steps_of(spec):
        for transform in step.transforms if isinstance(step, OneOfSpec) else (step,):
            always = build_augmentation((transform.model_copy(update={"p": 1.0}),))
            try:
                draws = [
                    augmented(always, image_HWC, mask_HW, np.random.SeedSequence(draw))
                    for draw in range(DRAWS)
                ]
            except Exception as error:  # OpenCV and albumentations raise errors of many types
                reason = str(error).strip().split("\n")[0] or type(error).__name__
                problems.append(
                    f"{transform.name} cannot take {size} images of "
                    f"{counted(channels, 'channel')}: {reason}; leave it out"
                )
                continue
            if any(moved.shape != shape_HWC for moved, _ in draws):
                problems.append(
                    f"{transform.name} needs square images, but these are {size}; leave it out"
                )
    return problems
