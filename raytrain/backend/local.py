"""The backend without Ray: it runs everything sequentially in this process, for debuggers,
profilers and machines without Ray. The same number of threads gives the same numbers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch

from raytrain.engine.reporter import Reporter, SilentReporter
from raytrain.engine.run import Search
from raytrain.engine.trial import open_samples, run_trial
from raytrain.runs.attempts import Failure
from raytrain.runs.files import storage_text
from raytrain.runs.history import Row
from raytrain.runs.layout import RunDir
from raytrain.runs.mirror import send
from raytrain.runs.record import OUT_OF_TIME, OnEnd, Task
from raytrain.runs.retry import RETRIES, as_tried

Shard = TypeVar("Shard")


class LocalBackend:
    """Runs all work in this process, in order."""

    def places(self) -> dict[str, int]:
        """Return one place: this process."""
        return {"process": 1}

    def search(self, search: Search) -> None:
        """Run the search's trials one after another, each to its end. A job with a scheduler was
        refused before."""
        assert search.spec.scheduler.name == "none"
        while not search.is_over() and (task := search.ask()):
            try:
                reason = _tried(task, search)
            except _OutOfTimeError:
                search.tell(task, "paused", OUT_OF_TIME)
            else:
                search.tell(task, "finished" if reason is None else "failed", reason)

    def run_trials(self, tasks: list[Task], on_end: OnEnd) -> None:
        """Run one task after another. A user's mistake in one task does not stop the others."""
        for task in tasks:
            failure = _failure(task, SilentReporter())
            if failure is None:
                on_end(task, "finished", None)
            else:
                on_end(task, "failed", failure.reason)

    def map_shards(
        self, name: str, function: Callable[[Shard], list[Path]], shards: Sequence[Shard]
    ) -> None:
        """Call `function` on one shard after another, and send the files that it returns to the
        storage."""
        for shard in shards:
            send(*function(shard))


class _OutOfTimeError(Exception):
    """Raised when there is no time for another epoch."""


class _UntilOver:
    """Ends a trial after the epoch in which the search's time ran out."""

    def __init__(self, search: Search):
        self._search = search

    def report(self, row: Row) -> None:
        del row
        if self._search.is_over():
            raise _OutOfTimeError


def _tried(task: Task, search: Search) -> str | None:
    """Train a task, and retry if the training fails; returns why the last attempt failed, or
    None."""
    reason = None
    for _ in range(1 + RETRIES):
        failure = _failure(as_tried(task), _UntilOver(search))
        if failure is None:
            return None
        search.tell_failure(task, failure)
        reason = failure.reason
    return reason


def _failure(task: Task, reporter: Reporter) -> Failure | None:
    """Train a task; returns why the training failed (a user's mistake, the storage, or too little
    memory), or None."""
    samples = open_samples(RunDir(task.run))
    try:
        run_trial(task, samples, reporter)
    except ValueError as error:
        return Failure(str(error), "error")
    except OSError as error:
        return Failure(storage_text(error), "error")
    except torch.OutOfMemoryError as error:
        return Failure(f"OutOfMemoryError: {error}", "memory")
    return None
