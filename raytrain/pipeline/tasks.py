"""From a job to the tasks of its stations, and running those that are not done yet."""

from functools import cache

from raytrain.config.framing import AutoSpec, TilesSpec, WholeSpec
from raytrain.config.job import JobSpec, most
from raytrain.config.losses import loss_problems
from raytrain.config.models import PixelsBase, UNetBase
from raytrain.config.target import outputs
from raytrain.config.trial import OF_STEPS, TrialSpec
from raytrain.data.augment_check import augmentation_problems
from raytrain.data.folds import load_or_make_folds
from raytrain.data.framing import Frame, network_size
from raytrain.data.report import DataReport
from raytrain.engine.compiling import compile_problem
from raytrain.engine.hold import hold_problem
from raytrain.engine.optimizers import optimizer_problem
from raytrain.engine.shipping import shipped_fault
from raytrain.engine.start import start_problems, with_content
from raytrain.models import refusal, without_memory
from raytrain.models.auxiliary import attach_problems
from raytrain.models.weights import fetch_weights
from raytrain.pipeline.backend import Workplace
from raytrain.pipeline.progress import Progress
from raytrain.runs.layout import RunDir
from raytrain.runs.record import (
    Record,
    Station,
    Status,
    Task,
    is_complete,
    task_fingerprint,
    write_record,
)

NO_GRADIENTS = {
    "epochs": 1,
    **{
        key: field.get_default()
        for key, field in TrialSpec.model_fields.items()
        if OF_STEPS in field.metadata
    },
}
"""Of a trial without gradient steps, so that a search over rates tries it once."""


def make_task(
    job: JobSpec,
    run: RunDir,
    report: DataReport,
    station: Station,
    spec: TrialSpec,
    fold: str,
    train_ids: tuple[str, ...],
    val_ids: tuple[str, ...],
    workers: int | tuple[int, int],
) -> Task:
    """A task whose directory is named after everything that decides its numbers.

    A U-Net too deep for the images gets the depth that fits, and a length in steps or samples
    becomes one in epochs; both are printed. A pixel classifier gets one epoch, and the defaults of
    what it has no use for.
    """
    spec = _in_epochs(_fitted(_framed(spec, report), report), report, train_ids)
    spec = with_content(spec)
    name = task_fingerprint(spec, report.fingerprint, fold, workers)
    parts = [station, spec.label, *([] if fold in ("split", "all") else [fold]), name[:4]]
    return Task(
        name="_".join(parts),
        station=station,
        spec=spec,
        data=report.fingerprint,
        fold=fold,
        train_ids=train_ids,
        val_ids=val_ids,
        workers=most(workers),
        least=None if isinstance(workers, int) else workers[0],
        cpus=job.resources.cpus,
        loaders=job.resources.loaders,
        metric=job.competition.metric,
        directory=run.trial(name).path,
    )


def _framed(spec: TrialSpec, report: DataReport) -> TrialSpec:
    if not isinstance(spec.framing, AutoSpec):
        return spec
    framing = WholeSpec() if len(report.sizes) == 1 else TilesSpec()
    if isinstance(framing, TilesSpec):
        say_once(f"trial.framing: tiles of {framing.width}x{framing.height}, for images of "
             f"{len(report.sizes)} sizes")  # fmt: skip
    return spec.model_copy(update={"framing": framing})


def _fitted(spec: TrialSpec, report: DataReport) -> TrialSpec:
    if isinstance(spec.model, PixelsBase):
        return spec.model_copy(update=NO_GRADIENTS)
    height, width = network_size(spec.framing, report.largest)
    if not isinstance(spec.model, UNetBase):
        return spec
    model = spec.model.fitted(height, width)
    if model.depth == spec.model.depth:
        return spec
    say_once(f"{spec.model.label}: depth lowered to {model.depth}, for {width}x{height} images")
    return spec.model_copy(update={"model": model})


def _in_epochs(spec: TrialSpec, report: DataReport, train_ids: tuple[str, ...]) -> TrialSpec:
    if spec.length is None:
        return spec
    frame = Frame(spec.framing, report.largest)
    rows = report.samples.set_index("id").loc[list(train_ids)]
    sizes = zip(rows["height"].tolist(), rows["width"].tolist(), strict=True)
    windows = sum(frame.window_count(*size) for size in sizes) * (1 + spec.copies)
    epochs, share = spec.length.epochs(windows, spec.batch_size)
    steps, last = -(-windows // spec.batch_size), round(share * windows)
    text = f"length: {epochs} epochs of {steps} steps, {windows} samples"
    if share < 1:
        text += f"; the last one of {-(-last // spec.batch_size)} steps, {last} samples"
    say_once(text)
    changes = {"epochs": epochs, "last_epoch_share": share, "length": None}
    return spec.model_copy(update=changes)


@cache
def say_once(text: str) -> None:
    """Print it, once a process."""
    print(text, flush=True)


Held = tuple[str, tuple[str, ...], tuple[str, ...]]
"""The name of a part of the data, the ids to train on and the ids held out."""


def places(job: JobSpec, run: RunDir, report: DataReport) -> list[Held]:
    """What each seed of a search's configuration is trained and validated on."""
    if job.search.repeats.folds is None:
        return [held_out(job, run, report)]
    folds = load_or_make_folds(run.folds, report, job.folds)
    return [(folds.label(i), folds.train_ids(i), ids) for i, ids in enumerate(folds.val_ids)]


def held_out(job: JobSpec, run: RunDir, report: DataReport) -> Held:
    """What a single training validates on: the given split or, without one, the first fold."""
    val_ids = report.ids("val")
    if val_ids:
        return "split", report.ids("train"), val_ids
    folds = load_or_make_folds(run.folds, report, job.folds)
    return folds.label(0), folds.train_ids(0), folds.val_ids[0]


def prepare(tasks: list[Task], report: DataReport, run: RunDir) -> None:
    """Refuse networks, transforms and optimizers that cannot work, and fetch pretrained weights,
    before a worker is asked for. Raises ValueError listing every problem."""
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
            fetch_weights(model, run.weights)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("\n".join(sorted(set(problems))))


def _data_problems(spec: TrialSpec, report: DataReport) -> list[str]:
    """What a trial asks of the data that the data does not have."""
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
            f"trial.normalization: imagenet needs 8 bits and 1 or 3 channels; these images have "
            f"{report.channels} of {report.dtype}; choose dataset or image"
        )
    return problems


def _pixel_problems(tasks: list[Task], report: DataReport) -> list[str]:
    """What pixel classifiers cannot do."""
    pixels = [task for task in tasks if isinstance(task.spec.model, PixelsBase)]
    problems = [
        f"trial.model: {task.spec.model.label} is fitted by one worker, not {task.workers}; "
        f"set {'search' if task.station == 'search' else 'finalize'}.workers=1"
        for task in pixels
        if task.workers > 1
    ]
    if pixels and report.target == "multi_label":
        label = pixels[0].spec.model.label
        problems.append(
            f"trial.model: {label} needs one class a pixel, and here classes overlap; choose a "
            "network"
        )
    return problems


def _model_problems(specs: list[TrialSpec], report: DataReport) -> list[str]:
    """Optimizers and starts that do not go with their networks; a network that cannot be built has
    a line of its own."""
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


def not_done(tasks: list[Task]) -> list[Task]:
    """Tasks that are not complete."""
    return [task for task in tasks if not is_complete(task)]


def forget_damaged(tasks: list[Task]) -> None:
    """Have finished trainings whose weights are damaged done again, and say so."""
    for task in tasks:
        fault = shipped_fault(task.trial_dir) if is_complete(task) else None
        if fault is not None:
            say_once(f"{task.name} is trained again: {fault}")
            task.trial_dir.record.unlink()
            task.trial_dir.shipped.unlink(missing_ok=True)


def run_to_end(tasks: list[Task], workplace: Workplace, title: str) -> None:
    """Train the tasks that are not done yet. Raises ValueError naming each that failed."""
    todo = not_done(tasks)
    if not todo:
        return
    failed: list[Record] = []
    views = workplace.views(RunDir(todo[0].directory.parent.parent))
    with Progress(title, todo, rungs=[], views=views) as progress:

        def on_end(task: Task, status: Status, reason: str | None) -> None:
            record = write_record(task, status, reason)
            progress.ended(record)
            if status == "failed":
                failed.append(record)

        workplace.backend.run_trials(todo, on_end)
    if failed:
        lines = "\n  ".join(f"{record.name}: {record.reason}" for record in failed)
        raise ValueError(f"{title}: {len(failed)} of {len(todo)} trainings failed\n  {lines}")
