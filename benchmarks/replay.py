"""Learning curves that were recorded, told again to a search's own searcher and scheduler.

What decides is what decides in a real search (`cluster/searcher.py: deciders`); only the trainings
are played back, each epoch after the seconds that it took, on so many places at once.
"""

import heapq
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from ray.tune.schedulers import TrialScheduler

from raytrain.cluster.searcher import deciders
from raytrain.config.search import SearchSpec
from raytrain.runs.attempts import Failure
from raytrain.runs.history import Row, append_row, read_history
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record, Status, Task


@dataclass(frozen=True)
class Outcome:
    """What a search spent and found."""

    epochs: int
    best: float
    """Validation score."""


@dataclass(frozen=True)
class _Turn:
    """A trial at work."""

    trial_id: str
    config: dict[str, Any]


class Recorded:
    """A search over tasks whose histories say everything (`engine/run.py: Search`)."""

    def __init__(self, folder: RunDir, spec: SearchSpec, epochs: int, waiting: list[Task]):
        self.folder, self.spec, self.epochs, self._waiting = folder, spec, epochs, waiting

    def past(self) -> list[Record]:
        return []

    def stopped(self) -> list[Task]:
        return []

    def ask(self) -> Task | None:
        return self._waiting.pop(0) if self._waiting else None

    def tell(self, task: Task, status: Status, reason: str | None) -> None:
        pass

    def tell_failure(self, task: Task, failure: Failure) -> None:
        pass

    def running(self) -> list[Task]:
        return []

    def is_over(self) -> bool:
        return False


def replayed(
    tasks: list[Task], curves: dict[str, list[Row]], spec: SearchSpec, places: int, folder: Path
) -> Outcome:
    """A search over these tasks, in this order; `folder` holds its histories and events."""
    run = RunDir(folder)
    waiting = [replace(task, directory=run.trial(task.fingerprint).path) for task in tasks]
    epochs = max(len(rows) for rows in curves.values())

    searcher, scheduler = deciders(Recorded(run, spec, epochs, waiting), lambda: places)
    no_tune: Any = None
    numbers, now = count(), 0.0
    at_work: list[tuple[float, int, Any, int]] = []

    def train(turn: _Turn, done: int) -> None:
        seconds = curves[turn.config["task"].fingerprint][done]["seconds"]
        heapq.heappush(at_work, (now + seconds, next(numbers), turn, done + 1))

    while True:
        while len(at_work) < places:
            name = f"turn{next(numbers)}"
            config = searcher.suggest(name)
            if not isinstance(config, dict):
                break
            turn: Any = _Turn(name, config)
            scheduler.on_trial_add(no_tune, turn)
            train(turn, config["known"])
        if not at_work:
            break
        now, _, turn, epoch = heapq.heappop(at_work)
        task: Task = turn.config["task"]
        row = curves[task.fingerprint][epoch - 1]
        append_row(task.trial_dir.history, row)
        decision = scheduler.on_trial_result(no_tune, turn, row)
        if epoch == task.spec.last_epoch:
            scheduler.on_trial_complete(no_tune, turn, row)
        if epoch == task.spec.last_epoch or decision == TrialScheduler.STOP:
            searcher.on_trial_complete(turn.trial_id)
        else:
            train(turn, epoch)
    found = [read_history(run.trial(task.fingerprint).history) for task in tasks]
    scores = [row["val_score"] for rows in found for row in rows]
    return Outcome(sum(map(len, found)), max(scores))
