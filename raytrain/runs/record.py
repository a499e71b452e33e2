"""`record.json`: what a trial was asked and what came of it.

The driver alone writes it, last, so that its presence means that the trial is complete.
"""

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from raytrain.config.base import Spec
from raytrain.config.metrics import MetricSpec
from raytrain.config.trial import TrialSpec
from raytrain.runs.attempts import Attempt, read_attempts, tried_batch
from raytrain.runs.extensions import load_extensions
from raytrain.runs.files import DamagedError, read_json, read_spec, write_json
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.history import Row, best_row, read_history
from raytrain.runs.ids import FEW, keep_ids, read_ids
from raytrain.runs.layout import RunDir, TrialDir
from raytrain.runs.shipping import early_end
from raytrain.runs.starts import read_starts
from raytrain.runs.version import verify_version

Station = Literal["train", "search", "cv", "final"]
Status = Literal["finished", "stopped", "failed", "paused"]
"""A paused trial was cut short by the end of its search's time; it goes on when the search does."""
OUT_OF_TIME = "the search's share of the budget was used up"


@dataclass(frozen=True)
class Task:
    """One training run to be done: picklable, and the whole truth that its fingerprint covers."""

    name: str
    station: Station
    spec: TrialSpec
    data: str
    """Fingerprint of the data."""
    fold: str
    """What it trains and validates on: `split`, `fold-<i>-<hash of the folds>` or `all`."""
    train_ids: tuple[str, ...] = field(repr=False)
    val_ids: tuple[str, ...] = field(repr=False)
    workers: int
    """The most worker processes that it is trained on."""
    cpus: int
    """Threads a worker."""
    loaders: int
    """Processes a worker that prepare batches beside it; 0: it does so itself."""
    metric: MetricSpec
    """What its epochs are compared by; one run has one metric."""
    directory: Path
    least: int | None = None
    """The fewest workers that it goes on with; None: all of them."""

    def __getstate__(self) -> dict[str, Any]:
        # Many ids travel as a reference to a file of the run.
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


def task_fingerprint(spec: TrialSpec, data: str, fold: str, workers: int | tuple[int, int]) -> str:
    """Names a trial's directory: config, data, fold, seed and number of workers."""
    return fingerprint(spec.model_dump(mode="json"), data, fold, workers)


OnEnd = Callable[[Task, Status, str | None], None]
"""Told on the driver how each task ended, with the reason if it did not finish."""


class Record(Spec):
    """What `record.json` holds."""

    name: str
    fingerprint: str
    station: Station
    status: Status
    reason: str | None
    """Why it stopped, failed or ended early."""
    spec: TrialSpec
    data: str
    fold: str
    workers: int
    ranks: int
    """Worker processes that took part in the last epoch, as they counted themselves."""
    epochs: int
    """Epochs done."""
    best: dict[str, Any] | None
    """The history row with the highest validation score; null without validation."""
    last: dict[str, Any] | None
    notes: list[str]
    """What the epochs said: layers that started anew, a batch that had to be divided."""
    shipped: dict[str, Any] | None
    """`engine.shipping.Shipped` as JSON; null when training did not come to its own end."""
    seconds: float
    """Spent in epochs, over all attempts."""
    attempts: tuple[Attempt, ...] = ()
    """Those that failed, in order."""
    starts: int = 0
    """How often training started or went on from a checkpoint."""
    versions: dict[str, str]

    @property
    def tries(self) -> str:
        """Number of attempts and, where memory was too little, the batch size that was used."""
        asked, used = self.spec.batch_size, tried_batch(self.spec.batch_size, self.attempts)
        count = len(self.attempts) + (self.status != "failed")
        return f"{count}" if used == asked else f"{count}, batch {used} of {asked}"

    @property
    def incidents(self) -> list[str]:
        """What did not go as asked, a sentence each: failed attempts, restarts, notes."""
        failed = [
            f"attempt {number} with batches of {attempt.batch_size} failed after epoch "
            f"{attempt.epochs}: {attempt.reason}"
            for number, attempt in enumerate(self.attempts, 1)
        ]
        started = [f"training started {self.starts} times"] if self.starts > 1 else []
        return [*failed, *started, *self.notes]


def write_record(task: Task, status: Status, reason: str | None) -> Record:
    """Sum up a trial from its history and write its record."""
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
        versions=_versions(),
    )
    write_json(task.trial_dir.record, record.model_dump(mode="json"))
    return record


def read_record(directory: TrialDir) -> Record | None:
    """The record; None while the trial is not complete, or when the file is damaged, which is said:
    then the same command makes it again."""
    if not directory.record.is_file():
        return None
    remedy = "it is passed over; run the same command again: it makes the record again"
    try:
        return read_spec(directory.record, Record, remedy)
    except DamagedError as error:
        _warn(str(error))
        return None


def complete(record: Record) -> bool:
    """Whether there is nothing left to do: a failed trial is tried again, a paused one goes on."""
    return record.status in ("finished", "stopped")


def is_complete(task: Task) -> bool:
    """Whether this one's record says so."""
    record = read_record(task.trial_dir)
    return record is not None and complete(record)


def read_records(run: RunDir) -> list[Record]:
    """All records of a run, by name and fingerprint."""
    verify_version(run)
    load_extensions(run)
    found = [read_record(TrialDir(path)) for path in run.trials.glob("*") if path.is_dir()]
    return sorted((r for r in found if r), key=lambda r: (r.name, r.fingerprint))


@cache
def _warn(text: str) -> None:
    """Say it on stderr, once a process."""
    print(f"raytrain: {text}", file=sys.stderr, flush=True)


def read_shipped_json(directory: TrialDir) -> dict[str, Any] | None:
    """`shipped.json`; None while training has not come to its own end."""
    if not directory.shipped.is_file():
        return None
    tree: dict[str, Any] = read_json(directory.shipped, directory.remedy)
    return tree


def _versions() -> dict[str, str]:
    packages = ("raytrain", "torch", "numpy", "segmentation-models-pytorch", "albumentations")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
