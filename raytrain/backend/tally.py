"""The progress of a station's trials: their epochs, the best score and the time left."""

from collections.abc import Callable, Sequence

from raytrain.config.duration import estimated
from raytrain.runs.history import Row, read_history
from raytrain.runs.record import Record, Task


class Tally:
    """Counts the trials of a station and their epochs."""

    def __init__(self, past: Sequence[Record], expected: int, clock: Callable[[], float]):
        """`past` are the records of trials that ended before; they count for the best score.
        `expected` is the number of trials to come; some of them may not be drawn yet."""
        self._expected, self._clock, self._start_s = expected, clock, clock()
        self.tasks: dict[str, Task] = {}
        self.last: dict[str, Row] = {}
        self.ended: set[str] = set()
        self.best: tuple[float, str] | None = None
        """The best validation score so far, and the name of its trial."""
        self._first: dict[str, int] = {}
        for record in past:
            self._score(record.best, record.name)

    def note(self, task: Task) -> None:
        """Count this trial. Epochs that the trial has already done do not count as progress."""
        rows = read_history(task.trial_dir.history)
        self.tasks[task.fingerprint] = task
        self._first[task.fingerprint] = len(rows)
        self._take(task, rows)

    def new_rows(self, task: Task, rows: list[Row]) -> list[Row]:
        """Count the new rows of this trial, and return them."""
        new = [row for row in rows if row["epoch"] > self.epoch(task)]
        self._take(task, new)
        return new

    def end(self, record: Record) -> None:
        """Count this trial as ended."""
        self.ended.add(record.fingerprint)
        self._score(record.best, record.name)

    def epoch(self, task: Task) -> int:
        """Return the last epoch that this trial has done; 0 before the first."""
        return int(self.last.get(task.fingerprint, {}).get("epoch", 0))

    def running(self) -> list[tuple[Task, Row]]:
        """Return the trials that have done an epoch and have not ended, each with its last row."""
        return [
            (task, self.last[name])
            for name, task in list(self.tasks.items())
            if name in self.last and name not in self.ended
        ]

    def names(self) -> list[str]:
        """Return the names of all trials."""
        return [task.name for task in list(self.tasks.values())]

    def left(self) -> str:
        """Return how many trials have ended, and how much work is left if no further trial is
        stopped early."""
        tasks = list(self.tasks.values())
        done = sum(self.epoch(task) - self._first[task.fingerprint] for task in tasks)
        lengths = [task.spec.last_epoch for task in tasks]
        unknown = max(0, self._expected - len(tasks))
        left = unknown * max(lengths, default=0) + sum(
            task.spec.last_epoch - self.epoch(task)
            for task in tasks
            if task.fingerprint not in self.ended
        )
        text = f"{len(self.ended)} of {len(tasks) + unknown} ended"
        if done and left:
            left_s = (self._clock() - self._start_s) / done * left
            return f"{text}, {estimated('at most', left_s)} left"
        return f"{text}, at most {left} epochs left" if left else text

    def _take(self, task: Task, rows: list[Row]) -> None:
        if rows:
            self.last[task.fingerprint] = rows[-1]
        for row in rows:
            self._score(row, task.name)

    def _score(self, row: Row | None, name: str) -> None:
        score = None if row is None else row.get("val_score")
        if score is not None and (self.best is None or score > self.best[0]):
            self.best = score, name
