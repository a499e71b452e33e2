"""The workplace of a run. It opens the backend at the first use, and closes it at the end."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Self

from raytrain.config.job import JobSpec, Place
from raytrain.engine.run import Backend
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import say


class Workplace:
    """Opens the backend at the first use, so that a run with nothing left to do starts nothing."""

    def __init__(
        self, job: JobSpec, place: Place, folder: RunDir, submissions: Callable[[], dict[str, int]]
    ):
        """`submissions` returns the number of the competition's submissions in each state."""
        self._job, self._place, self._folder = job, place, folder
        self._submissions = submissions
        self._stack = ExitStack()
        self._backend: Backend | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def backend(self) -> Backend:
        """Return the backend, which is Ray or this process. It is opened at the first call."""
        if self._backend is None:
            self._backend = self._opened()
        return self._backend

    def _opened(self) -> Backend:
        if self._place == "local":
            from raytrain.backend.local import LocalBackend

            return LocalBackend()
        from raytrain.cluster.connect import connected

        say("starting Ray ...")
        with ExitStack() as opening:
            say(opening.enter_context(connected()))
            from raytrain.cluster.backend import RayBackend
            from raytrain.cluster.doctor import examined_need
            from raytrain.cluster.run_metrics import run_exported

            need = examined_need(self._job)
            opening.enter_context(run_exported(self._folder, self._submissions))
            self._stack = opening.pop_all()
        return RayBackend(need, self._folder)
