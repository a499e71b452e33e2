"""The clock of a run that has a budget: what was used over all starts, and the end of it.

`budget.json` is written every few seconds, so that a killed run knows what it had used. The end
comes as an interrupt, on the ways that Ctrl-C takes.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from raytrain.config.base import Spec
from raytrain.config.duration import duration_text
from raytrain.pipeline.shares import END
from raytrain.runs.files import read_spec, write_json
from raytrain.runs.layout import RunDir

BEAT_S = 3.0


class BudgetOver(KeyboardInterrupt):
    """The budget is used up but for what its last words take."""


class Plan(Spec):
    """What was decided from timed costs; it stays, so that what was begun is gone on with."""

    quick_epochs: int | None = None
    epochs: int | None = None
    """The most of any trial."""
    search_until_s: float | None = None
    """The search ends when so much is used."""


class BudgetFile(Spec):
    """What `budget.json` holds."""

    total_s: float
    used_s: float
    plan: Plan


class Budget:
    """Of one start of `run`; it counts from here on. Another total than before is planned anew."""

    def __init__(self, run: RunDir, total_s: float, clock: Callable[[], float] = time.monotonic):
        self.total_s, self._run, self._clock = total_s, run, clock
        self._before, self._start, self.plan = 0.0, clock(), Plan()
        if run.budget.is_file():
            file = read_spec(run.budget, BudgetFile, "delete it: the clock starts anew")
            self._before = file.used_s
            same = file.total_s == total_s
            self.plan = file.plan if same else Plan(quick_epochs=file.plan.quick_epochs)

    @property
    def used_s(self) -> float:
        """Over all starts."""
        return self._before + self._clock() - self._start

    @property
    def left_s(self) -> float:
        """Until the end, which leaves time for the last words."""
        return (1 - END) * self.total_s - self.used_s

    def search_is_over(self) -> bool:
        """Whether the search has used its share."""
        until_s = self.plan.search_until_s
        return until_s is not None and self.used_s >= until_s

    def note(self, plan: Plan) -> None:
        """Keep what was decided."""
        self.plan = plan
        self._write()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Note for the block what is used."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(BEAT_S):
                self._write()

        thread = threading.Thread(target=beat, name="budget", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self._write()

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Raises BudgetOver within the block when the budget is over; on the main thread."""

        def over(number: int, frame: FrameType | None) -> None:
            del number, frame
            raise BudgetOver

        if self.left_s <= 0:
            raise BudgetOver
        before = signal.signal(signal.SIGALRM, over)
        signal.setitimer(signal.ITIMER_REAL, self.left_s)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def text(self) -> str:
        """Such as `budget: 12 min of 2 h used`."""
        return f"budget: {duration_text(self.used_s)} of {duration_text(self.total_s)} used"

    def _write(self) -> None:
        file = BudgetFile(total_s=self.total_s, used_s=round(self.used_s, 1), plan=self.plan)
        write_json(self._run.budget, file.model_dump(mode="json"))
