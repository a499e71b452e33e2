"""The fan-out without Ray: one thing after another in this process, for debuggers, profilers and
machines that have no Ray. The same threads give the same numbers."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from raytrain.engine.reporter import SilentReporter
from raytrain.engine.trial import open_samples, run_trial
from raytrain.runs.layout import RunDir
from raytrain.runs.orders import Orders
from raytrain.runs.record import OnEnd, Task
from raytrain.runs.retry import RETRIES, as_tried, note_failure

Shard = TypeVar("Shard")


class LocalBackend:
    """Runs everything here, in order."""

    def places(self) -> dict[str, int]:
        """This process."""
        return {"process": 1}

    def search(self, orders: Orders) -> None:
        """Every trial to its end (schedulers are refused before this)."""
        assert orders.spec.scheduler.name == "none"
        while task := orders.propose():
            for _ in range(1 + RETRIES):
                reason = _failure(as_tried(task))
                if reason is None:
                    break
                note_failure(task, reason, reason)
            orders.on_end(task, "finished" if reason is None else "failed", reason)

    def run_trials(self, tasks: list[Task], on_end: OnEnd) -> None:
        """One task after another; a user's mistake in one does not keep the others from running."""
        for task in tasks:
            reason = _failure(task)
            on_end(task, "finished" if reason is None else "failed", reason)

    def map_shards(
        self, name: str, function: Callable[[Shard], None], shards: Sequence[Shard]
    ) -> None:
        """One shard after another."""
        for shard in shards:
            function(shard)


def _failure(task: Task) -> str | None:
    """Train it; returns why that failed: the user's mistake, the storage, or too little memory."""
    samples = open_samples(RunDir(task.directory.parent.parent))
    try:
        run_trial(task, samples, SilentReporter())
    except (ValueError, OSError) as error:
        return str(error)
    except torch.OutOfMemoryError as error:
        return f"OutOfMemoryError: {error}"
    return None
