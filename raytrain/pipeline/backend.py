"""The backend that does the stations' work: Ray, or this process. It opens on first use."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Protocol, Self, TypeVar

from raytrain.config.job import JobSpec, Place, most
from raytrain.pipeline.boards import BoardView
from raytrain.pipeline.following import View
from raytrain.runs.layout import RunDir
from raytrain.runs.orders import Orders
from raytrain.runs.record import OnEnd, Station, Task

Shard = TypeVar("Shard")


class Backend(Protocol):
    """Three ways to run work in parallel. Each returns when all its work is done."""

    def places(self) -> dict[str, int]:
        """Return, for each resource that a worker needs, the number of workers that it can hold."""
        ...

    def search(self, orders: Orders) -> None:
        """Run trials that may be stopped early."""
        ...

    def run_trials(self, tasks: list[Task], on_end: OnEnd) -> None:
        """Run trials to their end."""
        ...

    def map_shards(
        self, name: str, function: Callable[[Shard], None], shards: Sequence[Shard]
    ) -> None:
        """Call a function that writes files on every shard."""
        ...


class Workplace:
    """Opens the backend on first use, so that a run with nothing left to do starts nothing."""

    def __init__(self, job: JobSpec, place: Place):
        self._job, self._place = job, place
        self._stack = ExitStack()
        self._backend: Backend | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def backend(self) -> Backend:
        if self._backend is None:
            self._backend = self._open()
        return self._backend

    def views(self, run: RunDir) -> list[View]:
        """Return the views of trainings besides the console. Raises ValueError when a tracker that
        the job names cannot be reached."""
        views: list[View] = []
        if self._job.tracking.tensorboard:
            views.append(BoardView(run))
        if self._job.tracking.mlflow or self._job.tracking.wandb:
            # Some of them run as Ray actors.
            assert self.backend
            from raytrain.cluster.tracking import trackers

            views += trackers(self._job, run)
        return views

    def _open(self) -> Backend:
        if self._place == "local":
            from raytrain.pipeline.local import LocalBackend

            return LocalBackend()
        from raytrain.cluster.connect import connected

        print("starting Ray ...", flush=True)
        print(self._stack.enter_context(connected()), flush=True)
        from raytrain.cluster.backend import RayBackend

        return RayBackend(self._job.resources)


def local_problems(job: JobSpec, stations: tuple[Station, ...]) -> list[str]:
    """Return what these stations of a job require that only Ray provides."""
    problems = []
    if "search" in stations and job.search.scheduler.name != "none":
        problems.append(
            f"search.scheduler: {job.search.scheduler.name!r} needs Ray; "
            "add --set search.scheduler.name=none"
        )
    if "search" in stations and job.search.workers > 1:
        problems.append(
            f"search.workers: {job.search.workers} workers need Ray; add --set search.workers=1"
        )
    if "final" in stations and most(job.finalize.workers) > 1:
        problems.append(
            f"finalize.workers: {most(job.finalize.workers)} workers need Ray; "
            "add --set finalize.workers=1"
        )
    return problems
