"""The fan-out without Ray: one thing after another in this process, for debuggers, profilers and
machines that have no Ray. The same threads give the same numbers."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from raytrain.config.search import SearchSpec
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.trial import open_samples, run_trial
from raytrain.pipeline.backend import OnEnd, Propose
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record, Task

Shard = TypeVar("Shard")


class LocalBackend:
    """Runs everything here, in order."""

    def search(
        self,
        run: RunDir,
        propose: Propose,
        past: list[Record],
        spec: SearchSpec,
        epochs: int,
        on_end: OnEnd,
    ) -> None:
        """Every trial to its end (schedulers are refused before this)."""
        assert spec.scheduler.name == "none"
        while task := propose():
            self.run_trials([task], on_end)

    def run_trials(self, tasks: list[Task], on_end: OnEnd) -> None:
        """One task after another; a user's mistake in one does not keep the others from running."""
        for task in tasks:
            samples = open_samples(RunDir(task.directory.parent.parent))
            try:
                run_trial(task, samples, SilentReporter())
                on_end(task, "finished", None)
            except ValueError as error:
                on_end(task, "failed", str(error))

    def map_shards(
        self, name: str, function: Callable[[Shard], None], shards: Sequence[Shard]
    ) -> None:
        """One shard after another."""
        for shard in shards:
            function(shard)
