"""What a search is to run, wherever it runs."""

from collections.abc import Callable
from dataclasses import dataclass

from raytrain.config.search import SearchSpec
from raytrain.runs.attempts import Failure
from raytrain.runs.layout import RunDir
from raytrain.runs.record import OnEnd, Record, Task
from raytrain.runs.retry import note_failure


def without_end() -> bool:
    """The time of a search that has no budget is never over."""
    return False


@dataclass(frozen=True)
class Orders:
    """Trials, asked for one by one, that the scheduler may stop early."""

    run: RunDir
    propose: Callable[[], Task | None]
    """The trial that comes next, or None when there is no other now."""
    past: list[Record]
    """Trials that are complete and count at the rungs."""
    spec: SearchSpec
    epochs: int
    """The most of any trial."""
    on_end: OnEnd
    """Called at each trial's end."""
    stopped: tuple[Task, ...] = ()
    """Those of the past that were stopped: compared with more trials, one may go on after all."""
    over: Callable[[], bool] = without_end
    """Whether the search's time is used up: what is at work then ends paused."""
    on_failure: Callable[[Task, Failure], object] = note_failure
    """Called after each attempt that failed, before the next one starts."""
