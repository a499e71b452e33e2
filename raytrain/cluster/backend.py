"""The backend on Ray, with the same three methods as `backend/local.py`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import ray

from raytrain.cluster.reasons import reason_of
from raytrain.cluster.resources import Need, places, refuse_impossible, remote_options
from raytrain.cluster.run_search import run_search
from raytrain.cluster.train_group import train_groups
from raytrain.cluster.waiting import waiting_said
from raytrain.cluster.worker import fetch_inputs, work
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.run import Search
from raytrain.engine.share import refuse_missing_gpu
from raytrain.runs.layout import RunDir
from raytrain.runs.mirror import Identities, fetch, receive, send
from raytrain.runs.record import OnEnd, Task

Shard = TypeVar("Shard")


class RayBackend:
    """Runs work on the connected cluster, as many tasks at once as CPU, GPU and memory allow."""

    def __init__(self, need: Need, run: RunDir):
        self.need, self._run = need, run

    def places(self) -> dict[str, int]:
        """Return the number of places on the live nodes. A worker's resources come from a single
        node."""
        return places(self.need)

    def search(self, search: Search) -> None:
        """Run the proposed trials as one Ray Tune experiment."""
        refuse_impossible(self.need, search.spec.workers)
        with waiting_said(self.need):
            run_search(search, self.need)

    def run_trials(self, tasks: list[Task], on_end: OnEnd) -> None:
        """Run each task to its end: one worker as a Ray task, several as a TorchTrainer."""
        for workers in {task.least_workers for task in tasks}:
            refuse_impossible(self.need, workers)
        with waiting_said(self.need):
            self._run_single([task for task in tasks if task.workers == 1], on_end)
            train_groups([task for task in tasks if task.workers > 1], self.need, on_end)

    def map_shards(
        self, name: str, function: Callable[[Shard], list[Path]], shards: Sequence[Shard]
    ) -> None:
        """Call `function` on every shard, on any node. Raises ValueError with the reason of the
        first failure, or when no node can ever have room for a worker."""
        refuse_impossible(self.need, 1)
        remote, options = ray.remote(_shard), remote_options(self.need)
        running = [
            remote.options(name=f"{name} {number + 1}/{len(shards)}", **options).remote(
                function, shard, self.need.gpus, self._run.path
            )
            for number, shard in enumerate(shards)
        ]
        try:
            with waiting_said(self.need):
                for sent in ray.get(running):
                    receive(sent)
        except ray.exceptions.RayError as error:
            raise ValueError(f"{name}: {reason_of(error)}") from error

    def _run_single(self, tasks: list[Task], on_end: OnEnd) -> None:
        remote, options = ray.remote(_train), remote_options(self.need) | {"max_retries": 3}
        running = {
            remote.options(name=task.name, **options).remote(task, self.need.gpus): task
            for task in tasks
        }
        while running:
            (reference,), _ = ray.wait(list(running))
            task = running.pop(reference)
            try:
                ray.get(reference)
                fetch(task.directory)
                on_end(task, "finished", None)
            except ray.exceptions.RayError as error:
                fetch(task.directory)
                on_end(task, "failed", reason_of(error))


def _shard(
    function: Callable[[Shard], list[Path]], shard: Shard, gpus: float, run: Path
) -> Identities:
    refuse_missing_gpu(gpus)
    fetch_inputs(run)
    return send(*function(shard))


def _train(task: Task, gpus: float) -> None:
    work(task, SilentReporter(), gpus)
