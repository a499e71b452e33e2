"""`record.json`: the spec and the results of a trial.

Only the driver writes it, and writes it last. If it exists, the trial is complete.
"""

import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from raytrain.config.base import Spec
from raytrain.config.metrics import MetricSpec
from raytrain.config.trial import TrialSpec
from raytrain.runs.attempts import Attempt, read_attempts, read_starts, tried_batch
from raytrain.runs.chosen_epochs import early_end
from raytrain.runs.extensions import load_extensions
from raytrain.runs.files import DamagedError, read_json, read_spec, write_json
from raytrain.runs.fingerprint import FEW, fingerprint, keep_ids, read_ids
from raytrain.runs.history import Row, best_row, read_history
from raytrain.runs.layout import RunDir, TrialDir
from raytrain.runs.messages import warn
from raytrain.runs.mirror import send
from raytrain.runs.soft import SoftSource
from raytrain.runs.version import verify_version

Station = Literal["train", "search", "cv", "final"]
Status = Literal["finished", "stopped", "failed", "paused"]
"""How a trial ended. A paused trial was interrupted by the search's end, and may continue."""
OUT_OF_TIME = "the search's share of the budget was used up"


@dataclass(frozen=True)
class Task:
    """One training to do. It can be pickled. Its fingerprint covers all that defines it."""

    name: str
    station: Station
    spec: TrialSpec
    data: str
    """Fingerprint of the data."""
    fold: str
    """The training and validation images: `split`, `fold<i>-<digits of the hash>` or `all`."""
    train_ids: tuple[str, ...] = field(repr=False)
    val_ids: tuple[str, ...] = field(repr=False)
    workers: int
    """Largest number of worker processes for its training."""
    cpus: int
    """CPU threads per worker."""
    loaders: int
    """Number of data-loading processes per worker; 0: the worker loads its own batches."""
    metric: MetricSpec
    """The metric that compares the epochs of the training. A run has one metric."""
    directory: Path
    measures: tuple[MetricSpec, ...] = ()
    """Further metrics to compute after every epoch."""
    least: int | None = None
    """Smallest number of workers with which the training continues; None: all of them."""
    soft: SoftSource | None = None
    """Soft labels of test images, which are added to the training images."""

    def __getstate__(self) -> dict[str, Any]:
        # Many ids are replaced by a reference to a file of the run.
        if len(self.train_ids) + len(self.val_ids) <= FEW:
            return self.__dict__
        digest = keep_ids(self.run, self.train_ids, self.val_ids)
        return {**self.__dict__, "train_ids": None, "val_ids": digest}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if state["train_ids"] is None:
            train_ids, val_ids = read_ids(self.run, state["val_ids"])
            self.__dict__.update(train_ids=train_ids, val_ids=val_ids)

    @property
    def run(self) -> Path:
        """The run's folder."""
        return self.directory.parent.parent

    @property
    def least_workers(self) -> int:
        return self.workers if self.least is None else self.least

    @property
    def trial_dir(self) -> TrialDir:
        return TrialDir(self.directory)

    @property
    def fingerprint(self) -> str:
        return self.directory.name


def task_fingerprint(
    spec: TrialSpec,
    data: str,
    fold: str,
    workers: int | tuple[int, int],
    soft: SoftSource | None = None,
) -> str:
    """Return the name of a trial's directory: a hash of everything that determines its results."""
    parts = () if soft is None else (soft.model_dump(mode="json"),)
    return fingerprint(spec.model_dump(mode="json"), data, fold, workers, *parts)


OnEnd = Callable[[Task, Status, str | None], None]
"""Function that the driver calls when a task ends, with the reason if the task did not finish."""


class Record(Spec):
    """The content of `record.json`."""

    name: str
    fingerprint: str
    station: Station
    status: Status
    reason: str | None
    """Why the trial was stopped, failed or ended early."""
    spec: TrialSpec
    data: str
    fold: str
    workers: int
    ranks: int
    """Number of worker processes in the last epoch, as the workers counted themselves."""
    epochs: int
    """Number of epochs done."""
    best: dict[str, Any] | None
    """The history row with the highest validation score; null without validation."""
    last: dict[str, Any] | None
    notes: list[str]
    """Notes from the epochs, for example about layers with new weights or about a batch that was
    divided."""
    shipped: dict[str, Any] | None
    """`engine.shipped.Shipped` as JSON; null when training did not reach its end."""
    seconds: float
    """Time spent in epochs, over all attempts."""
    attempts: tuple[Attempt, ...] = ()
    """Failed attempts, in order."""
    starts: int = 0
    """Number of times that training started or resumed from a checkpoint."""
    soft: SoftSource | None = None
    """Soft labels of test images, if the trial was trained on them, too."""
    versions: dict[str, str]

    @property
    def tries(self) -> str:
        """Number of attempts as text. If memory did not suffice, the reduced batch size is
        added."""
        asked, used = self.spec.batch_size, tried_batch(self.spec.batch_size, self.attempts)
        count = len(self.attempts) + (self.status != "failed")
        return f"{count}" if used == asked else f"{count}, batch size {used} instead of {asked}"

    @property
    def incidents(self) -> list[str]:
        """Incidents, in one sentence each: failed attempts, restarts, notes."""
        failed = [
            f"attempt {number} with batches of {attempt.batch_size} failed after epoch "
            f"{attempt.epochs}: {attempt.reason}"
            for number, attempt in enumerate(self.attempts, 1)
        ]
        started = [f"training started {self.starts} times"] if self.starts > 1 else []
        return [*failed, *started, *self.notes]


def write_record(task: Task, status: Status, reason: str | None) -> Record:
    """Summarize a trial from its history, write its `record.json`, and return the record."""
    rows = read_history(task.trial_dir.history)
    last: Row | None = rows[-1] if rows else None
    record = Record(
        name=task.name,
        fingerprint=task.fingerprint,
        station=task.station,
        status=status,
        reason=reason or early_end(task.spec.stop, rows),
        spec=task.spec,
        data=task.data,
        fold=task.fold,
        workers=task.workers,
        ranks=last["ranks"] if last else 0,
        epochs=last["epoch"] if last else 0,
        best=best_row(rows),
        last=last,
        notes=[note for row in rows for note in row.get("notes", [])],
        shipped=read_shipped_json(task.trial_dir),
        seconds=round(sum(row["seconds"] for row in rows), 3),
        attempts=tuple(read_attempts(task.trial_dir)),
        starts=len(read_starts(task.trial_dir)),
        soft=task.soft,
        versions=_versions(),
    )
    write_json(task.trial_dir.record, record.model_dump(mode="json"))
    send(task.trial_dir.record)
    return record


def read_record(directory: TrialDir) -> Record | None:
    """Return a trial's record; None if the trial is not complete or, after a warning, if the file
    is damaged. The command that trains the trial writes the file again."""
    if not directory.record.is_file():
        return None
    remedy = "it is skipped; run the same command again, which writes the record again"
    try:
        return read_spec(directory.record, Record, remedy)
    except DamagedError as error:
        _warn(str(error))
        return None


def complete(record: Record) -> bool:
    """Return whether the trial finished or was stopped. Other trials are trained further."""
    return record.status in ("finished", "stopped")


def is_complete(task: Task) -> bool:
    """Return whether a task was trained: it has finished or was stopped."""
    record = read_record(task.trial_dir)
    return record is not None and complete(record)


def read_records(run: RunDir) -> list[Record]:
    """Return all records of a run, sorted by name and fingerprint."""
    verify_version(run)
    load_extensions(run)
    found = [read_record(TrialDir(path)) for path in run.trials.glob("*") if path.is_dir()]
    return sorted((r for r in found if r), key=lambda r: (r.name, r.fingerprint))


@cache
def _warn(text: str) -> None:
    """Write a warning if this process has not written it before."""
    warn(text)


def read_shipped_json(directory: TrialDir) -> dict[str, Any] | None:
    """Return the content of `shipped.json`; None while training has not reached its end."""
    if not directory.shipped.is_file():
        return None
    tree: dict[str, Any] = read_json(directory.shipped, directory.remedy)
    return tree


def _versions() -> dict[str, str]:
    packages = ("raytrain", "torch", "numpy", "segmentation-models-pytorch", "albumentations")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def not_done(tasks: list[Task]) -> list[Task]:
    """Return the tasks that must still be trained."""
    return [task for task in tasks if not is_complete(task)]
