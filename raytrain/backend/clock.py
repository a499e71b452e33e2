"""The clock of a run with a budget: the time used over all starts, and the end of the budget.

`budget.json` is written every few seconds, so that a killed run does not lose its count. At the end
of the budget, an interrupt is raised and handled like Ctrl-C.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from raytrain.config.base import Spec
from raytrain.config.duration import duration_text
from raytrain.runs.files import read_spec, write_json
from raytrain.runs.layout import RunDir
from raytrain.runs.mirror import bring
from raytrain.runs.repeated import repeated
from raytrain.search.budget_split import END

BEAT_S = 3.0


class BudgetOver(KeyboardInterrupt):
    """Raised when the budget is used up, except for the time reserved for the final steps."""


class Plan(Spec):
    """Decisions that are based on timed costs. They are stored, so that later starts follow the
    same plan."""

    quick_epochs: int | None = None
    """Number of epochs of the quick member."""
    epochs: int | None = None
    """Largest number of epochs of any trial."""
    search_until_s: float | None = None
    """The search ends when this many seconds of the budget are used."""


class ClockFile(Spec):
    """The content of `budget.json`."""

    total_s: float
    used_s: float
    plan: Plan


class Clock:
    """The clock of one start of `raytrain run` with a budget. It counts from its creation, and adds
    the time of earlier starts. If the budget is another one than at the last start, a new plan is
    made.

    Raises ValueError on a system without a timer that can end a run.
    """

    def __init__(self, run: RunDir, total_s: float, clock: Callable[[], float] = time.monotonic):
        if not hasattr(signal, "setitimer"):
            raise ValueError(
                "budget: this system has no timer that can end a run (Windows has none); leave the "
                "budget out, or run raytrain under WSL or in a container"
            )
        self.total_s, self._run, self._clock = total_s, run, clock
        self._before, self._start, self.plan = 0.0, clock(), Plan()
        bring(run.budget)
        if run.budget.is_file():
            file = read_spec(
                run.budget, ClockFile, "delete it; the budget is then counted from 0 again"
            )
            self._before = file.used_s
            same = file.total_s == total_s
            self.plan = file.plan if same else Plan(quick_epochs=file.plan.quick_epochs)

    @property
    def used_s(self) -> float:
        """Seconds of the budget that are used, over all starts of the command."""
        return self._before + self._clock() - self._start

    @property
    def left_s(self) -> float:
        """Seconds until search and training must end. The time reserved for the final steps is not
        included."""
        return (1 - END) * self.total_s - self.used_s

    def search_is_over(self) -> bool:
        """Return whether the search has used its share of the budget."""
        until_s = self.plan.search_until_s
        return until_s is not None and self.used_s >= until_s

    def note(self, plan: Plan) -> None:
        """Store a plan in `budget.json`."""
        self.plan = plan
        self._write()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Record the time used while the block runs."""
        try:
            with repeated(self._write, BEAT_S, "budget"):
                yield
        finally:
            self._write()

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Raise BudgetOver in the block when the budget is over. It works in the main thread
        only."""

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
        """Return a text such as `budget: 12 min of 2 h used`."""
        return f"budget: {duration_text(self.used_s)} of {duration_text(self.total_s)} used"

    def _write(self) -> None:
        file = ClockFile(total_s=self.total_s, used_s=round(self.used_s, 1), plan=self.plan)
        write_json(self._run.budget, file.model_dump(mode="json"))
