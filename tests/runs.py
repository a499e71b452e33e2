"""Runs whose work is done in this process, and a search over given trials."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from raytrain.backend.local import LocalBackend
from raytrain.config.competition import CompetitionSpec
from raytrain.config.job import JobSpec
from raytrain.config.search import SearchSpec
from raytrain.data.report import DataReport
from raytrain.engine.run import Run
from raytrain.runs.attempts import Failure
from raytrain.runs.ensemble import Candidate, Choice, Ensemble
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record, Status, Task, write_record
from raytrain.runs.retry import note_failure

JOB = JobSpec(
    competition=CompetitionSpec(name="p", data="d", classes=("bg", "rv", "myo", "lv")),
)


def run_of(folder: RunDir | Path, report: DataReport, job: JobSpec = JOB) -> Run:
    """A run in this folder, without Ray."""
    place = folder if isinstance(folder, RunDir) else RunDir(folder)
    return Run(job, place, report, LocalBackend)


def ensemble_of(
    members: list[Candidate], oof: dict[str, Any], folds_hash: str, data: str, folds: int
) -> Ensemble:
    """The equal mean of candidates, chosen alike without each fold."""
    choice = Choice(weights=(1,) * len(members), views=((),) * len(members))
    return Ensemble(
        fingerprint="e45e3b1e0000", candidates=tuple(members), chosen=choice,
        nested=(choice,) * folds, chosen_on=oof["images"], oof=oof, folds=folds_hash, data=data,
    )  # fmt: skip


class ListedSearch:
    """A search over given trials, in their order. It remembers how they ended."""

    def __init__(
        self,
        folder: Path,
        tasks: list[Any],
        spec: SearchSpec,
        epochs: int,
        is_over: Callable[[], bool] = lambda: False,
    ):
        self.folder, self.spec, self.epochs = RunDir(folder), spec, epochs
        self.is_over = is_over
        self.ends: dict[str, tuple[Status, str | None]] = {}
        self._waiting = list(tasks)

    def past(self) -> list[Record]:
        return []

    def stopped(self) -> list[Task]:
        return []

    def ask(self) -> Task | None:
        return self._waiting.pop(0) if self._waiting else None

    def tell(self, task: Task, status: Status, reason: str | None) -> None:
        self.ends[task.fingerprint] = status, reason
        write_record(task, status, reason)

    def tell_failure(self, task: Task, failure: Failure) -> None:
        note_failure(task, failure)

    def running(self) -> list[Task]:
        return []
