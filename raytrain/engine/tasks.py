"""Create the task of a training, and the folds that it may train on."""

from functools import cache
from typing import NamedTuple

from raytrain.config.framing import AutoSpec, TilesSpec, WholeSpec
from raytrain.config.job import most
from raytrain.config.models import PixelsBase, UNetBase
from raytrain.config.trial import OF_STEPS, TrialSpec
from raytrain.data.epoch_plan import refuse_no_step
from raytrain.data.folds import Folds
from raytrain.data.framing import Frame, network_size
from raytrain.data.report import DataReport
from raytrain.engine.run import Run
from raytrain.engine.start import with_content
from raytrain.runs.messages import say
from raytrain.runs.record import Station, Task, task_fingerprint
from raytrain.runs.soft import SoftSource

NO_GRADIENTS = {
    "epochs": 1,
    **{key: TrialSpec.model_fields[key].get_default() for key in TrialSpec.marked(OF_STEPS)},
}
"""Fixed values for trials without gradient steps, so that a search over learning rates trains them
only once."""


class Recipe(NamedTuple):
    """A configuration to train on every fold, and on all labeled images."""

    spec: TrialSpec
    fold_soft: tuple[SoftSource, ...] = ()
    """Soft labels for each fold, if the recipe is a student's."""
    final_soft: SoftSource | None = None
    """Soft labels for the training on all labeled images."""

    @property
    def label(self) -> str:
        """Short text for the configuration, which ends in "(student)" for a student."""
        return f"{self.spec.label} (student)" if self.fold_soft else self.spec.label


class Fold(NamedTuple):
    """The training and validation images of one training."""

    name: str
    """`split`, `fold<i>-<digits of the hash>` or `all`."""
    train_ids: tuple[str, ...]
    val_ids: tuple[str, ...]


def make_task(
    run: Run,
    station: Station,
    spec: TrialSpec,
    fold: Fold,
    workers: int | tuple[int, int],
    soft: SoftSource | None = None,
) -> Task:
    """Return the task of one training. The name of its directory is a hash of everything that
    determines its results.

    `soft` names soft labels of test images, which are added to the training images. A U-Net that is
    too deep for the images gets the depth that fits, and a length in steps or samples is converted
    to epochs; both are printed. A pixel classifier gets one epoch, and the defaults of the fields
    that it does not use.
    """
    job, report = run.job, run.report
    spec = _in_epochs(_fitted(framed(spec, report), report), report, fold.train_ids)
    spec = with_content(spec)
    name = task_fingerprint(spec, report.fingerprint, fold.name, workers, soft)
    parts = [station, spec.label, *([] if fold.name in ("split", "all") else [fold.name]), name[:4]]
    return Task(
        name="_".join(parts),
        station=station,
        spec=spec,
        data=report.fingerprint,
        fold=fold.name,
        train_ids=fold.train_ids,
        val_ids=fold.val_ids,
        workers=most(workers),
        least=None if isinstance(workers, int) else workers[0],
        cpus=job.resources.cpus,
        loaders=job.resources.loaders,
        metric=job.competition.metric,
        measures=job.measures,
        directory=run.folder.trial(name).path,
        soft=soft,
    )


def framed(spec: TrialSpec, report: DataReport) -> TrialSpec:
    """Return the spec. `framing: auto` is replaced by the framing that suits these images."""
    if not isinstance(spec.framing, AutoSpec):
        return spec
    framing = WholeSpec() if len(report.sizes) == 1 else TilesSpec()
    if isinstance(framing, TilesSpec):
        tile = f"{framing.width}x{framing.height}"
        say_once(f"trial.framing: tiles of {tile}, because images have {len(report.sizes)} sizes")
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
    say_once(
        f"{spec.model.label}: depth lowered to {model.depth}, because {width}x{height} images are "
        f"too small for depth {spec.model.depth}"
    )
    return spec.model_copy(update={"model": model})


def _in_epochs(spec: TrialSpec, report: DataReport, train_ids: tuple[str, ...]) -> TrialSpec:
    """Return the spec with its length in epochs. Raises ValueError when an epoch has no step."""
    if spec.length is None and not spec.drop_last:
        return spec
    frame = Frame(spec.framing, report.largest)
    rows = report.samples.set_index("id").loc[list(train_ids)]
    sizes = zip(rows["height"].tolist(), rows["width"].tolist(), strict=True)
    windows = sum(frame.window_count(*size) for size in sizes) * spec.times
    refuse_no_step(spec, windows)
    if spec.length is None:
        return spec
    if spec.drop_last:
        windows -= windows % spec.batch_size
    epochs, share = spec.length.epochs(windows, spec.batch_size)
    steps, last = -(-windows // spec.batch_size), round(share * windows)
    text = f"trial.length: {epochs} epochs with {steps} steps ({windows} samples) each"
    if share < 1:
        text += f", but {-(-last // spec.batch_size)} steps ({last} samples) in the last epoch"
    say_once(text)
    changes = {"epochs": epochs, "last_epoch_share": share, "length": None}
    return spec.model_copy(update=changes)


@cache
def say_once(text: str) -> None:
    """Write a message if this process has not written it before."""
    say(text)


def search_folds(run: Run) -> list[Fold]:
    """Return the folds on which the search trains each configuration, with each seed."""
    if run.job.search.repeats.folds is None:
        return [held_out(run)]
    return all_folds(run.folds)


def held_out(run: Run) -> Fold:
    """Return the fold of a single training: it holds out the val split or, without one, the first
    fold.

    With `folds: none` it is the only fold, so that the search's best trial need not be trained
    again.
    """
    val_ids = run.report.ids("val")
    if val_ids and run.job.folds is not None:
        return Fold("split", run.report.ids("train"), val_ids)
    return all_folds(run.folds)[0]


def fold_tasks(run: Run, recipe: Recipe) -> list[Task]:
    """Return the trainings of a configuration, one task per fold, in order."""
    folds = all_folds(run.folds)
    softs = recipe.fold_soft or (None,) * len(folds)
    return [
        make_task(run, "cv", recipe.spec, fold, 1, soft)
        for fold, soft in zip(folds, softs, strict=True)
    ]


def all_folds(folds: Folds) -> list[Fold]:
    """Return each fold with its training ids and validation ids, in order."""
    return [Fold(folds.label(i), folds.train_ids(i), ids) for i, ids in enumerate(folds.val_ids)]
