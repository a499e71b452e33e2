"""A run: its job, its folder, its checked data, and its backend."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeVar

from raytrain.config.job import JobSpec
from raytrain.config.search import SearchSpec
from raytrain.data.folds import Folds, load_or_make_folds
from raytrain.data.report import DataReport
from raytrain.runs.attempts import Failure
from raytrain.runs.layout import RunDir
from raytrain.runs.mirror import send
from raytrain.runs.record import OnEnd, Record, Status, Task

Shard = TypeVar("Shard")


class Search(Protocol):
    """A search. A backend asks it for trials, and reports how each of them ended."""

    folder: RunDir
    spec: SearchSpec
    epochs: int
    """Largest number of epochs of any trial."""

    def past(self) -> list[Record]:
        """Return the records of the complete trials. They count at the rungs."""
        ...

    def stopped(self) -> list[Task]:
        """Return the past trials that were stopped. One of them may continue when more trials are
        compared."""
        ...

    def ask(self) -> Task | None:
        """Return the next trial, or None if there is none now."""
        ...

    def tell(self, task: Task, status: Status, reason: str | None) -> None:
        """Record how a trial ended: its status and, if there is one, the reason."""
        ...

    def tell_failure(self, task: Task, failure: Failure) -> None:
        """Record why an attempt failed. It is called before the next attempt starts."""
        ...

    def running(self) -> list[Task]:
        """Return the trials that `ask` returned and that have not ended."""
        ...

    def is_over(self) -> bool:
        """Return whether the time of the search is used up. Running trials then end as paused."""
        ...


class Backend(Protocol):
    """Runs work in parallel in three ways. Each method returns when all its work is done."""

    def places(self) -> dict[str, int]:
        """Return, for each resource that a worker needs, how many workers the resource allows at
        once."""
        ...

    def search(self, search: Search) -> None:
        """Run all trials of a search. They may be stopped early."""
        ...

    def run_trials(self, tasks: list[Task], on_end: OnEnd) -> None:
        """Train each task to its end, and call `on_end` for each."""
        ...

    def map_shards(
        self, name: str, function: Callable[[Shard], list[Path]], shards: Sequence[Shard]
    ) -> None:
        """Call `function` on every part of the work. It returns the files that it has written."""
        ...


@dataclass(frozen=True)
class Run:
    """One run of a job: its settings, its folder, its data and its backend."""

    job: JobSpec
    folder: RunDir
    report: DataReport
    """The facts about the data, as `raytrain check` stored them."""
    open: Callable[[], Backend]
    """Function that returns the backend. The backend starts at the first call, so that a run with
    nothing left to do starts nothing."""

    @cached_property
    def folds(self) -> Folds:
        """The folds of the labeled images. The first command that needs folds draws them."""
        return load_or_make_folds(self.folder, self.report, self.job.folds)

    @property
    def backend(self) -> Backend:
        """The backend, which this starts at the first call. The run's files are sent to the storage
        first, because workers on other machines read them."""
        send(self.folder.path)
        return self.open()
