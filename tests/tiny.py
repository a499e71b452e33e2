"""A few drawn slices and a tiny task on them, for tests of the engine without Ray."""

from dataclasses import replace
from pathlib import Path

from raytrain.config.competition import CompetitionSpec
from raytrain.config.metrics import DiceMetricSpec
from raytrain.config.models import UNetSpec
from raytrain.config.optimizers import AdamSpec, CosineSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.checks import inspect
from raytrain.data.phantom import PhantomSplit, write_phantom
from raytrain.data.report import write_report
from raytrain.engine.trial import Samples, open_samples
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Task

SPEC = TrialSpec(
    model=UNetSpec(width=4, depth=2, dropout=0.2),
    optimizer=AdamSpec(lr=3e-3),
    schedule=CosineSpec(warmup_epochs=0.5),
    epochs=4,
    batch_size=4,
    augmentation="slices",
    ema=0.9,
    seed=3,
)


def draw_samples(root: Path) -> Samples:
    """10 training and 4 validation images."""
    write_phantom(root / "data", root / "truth", PhantomSplit(train=5, val=2, test=1), 0)
    competition = CompetitionSpec(
        name="p", data=str(root / "data"), classes=("bg", "rv", "myo", "lv"), group="(N+1)//2"
    )
    run = RunDir(root / "run")
    write_report(run.data_report, inspect(competition))
    return open_samples(run)


def make_task(folder: Path, samples: Samples, spec: TrialSpec = SPEC) -> Task:
    return replace(
        task_in(folder, spec),
        data=samples.report.fingerprint,
        train_ids=samples.report.ids("train"),
        val_ids=samples.report.ids("val"),
    )


def task_in(folder: Path, spec: TrialSpec = SPEC) -> Task:
    """One that is not trained: it has no data."""
    return Task(
        name="t",
        station="train",
        spec=spec,
        data="",
        fold="split",
        train_ids=(),
        val_ids=(),
        workers=1,
        cpus=1,
        loaders=0,
        metric=DiceMetricSpec(),
        directory=folder,
    )
