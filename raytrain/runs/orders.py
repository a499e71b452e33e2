"""The description of a search for a backend."""

from collections.abc import Callable
from dataclasses import dataclass

from raytrain.config.search import SearchSpec
from raytrain.runs.attempts import Failure
from raytrain.runs.layout import RunDir
from raytrain.runs.record import OnEnd, Record, Task
from raytrain.runs.retry import note_failure


def without_end() -> bool:
    """Never end a search: the default for searches without a budget."""
    return False


@dataclass(frozen=True)
class Orders:
    """Trials that the backend requests one by one, and that the scheduler may stop early."""

    run: RunDir
    propose: Callable[[], Task | None]
    """Returns the next trial, or None when there is no other one now."""
    past: list[Record]
    """Records of complete trials that count at the rungs."""
    spec: SearchSpec
    epochs: int
    """Most epochs of any trial."""
    on_end: OnEnd
    """Called at the end of each trial."""
    stopped: tuple[Task, ...] = ()
    """The past trials that were stopped: compared with more trials, one may continue after all."""
    over: Callable[[], bool] = without_end
    """Whether the search's time is used up; running trials then end as paused."""
    on_failure: Callable[[Task, Failure], object] = note_failure
    """Called after each failed attempt, before the next one starts."""
