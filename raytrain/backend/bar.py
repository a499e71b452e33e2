"""The progress of trainings as one bar, for notebooks and programs."""

from raytrain.runs.bar import count_bar
from raytrain.runs.history import Row, read_history
from raytrain.runs.messages import say
from raytrain.runs.record import Record, Task


class BarView:
    """One bar over the epochs of all trials of a station."""

    name = "progress"

    def __init__(self, title: str):
        self._bar = count_bar(title, 0, "epoch")
        self._epochs: dict[str, int] = {}
        self._best: float | None = None

    def start(self) -> None:
        """Show the bar for the first time."""
        self._bar.refresh()

    def note(self, task: Task) -> None:
        """Add the epochs of this trial to the bar. Epochs that the trial has already done do not
        count as progress."""
        self._epochs[task.fingerprint] = len(read_history(task.trial_dir.history))
        self._bar.total += task.spec.last_epoch - self._epochs[task.fingerprint]

    def update(self, task: Task, rows: list[Row]) -> None:
        for row in rows:
            if row["epoch"] > self._epochs[task.fingerprint]:
                self._bar.update(row["epoch"] - self._epochs[task.fingerprint])
                self._epochs[task.fingerprint] = row["epoch"]
            if "val_score" in row and row["val_score"] > (self._best or float("-inf")):
                self._best = row["val_score"]
                self._bar.set_postfix_str(f"best {self._best:.4f}", refresh=False)

    def ended(self, task: Task, record: Record) -> None:
        """Remove from the bar the epochs that a stopped trial does not run."""
        self._bar.total -= record.spec.last_epoch - self._epochs[task.fingerprint]

    def looked(self) -> None:
        self._bar.refresh()

    def close(self) -> None:
        self._bar.close()

    def say(self, text: str) -> None:
        """Write a message to the log `raytrain`."""
        say(text)
