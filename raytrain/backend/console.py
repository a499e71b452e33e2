"""Console output. A terminal shows one screen of what runs. A log gets a short line per trial from
time to time, and one at its end."""

import sys
import time
from collections.abc import Callable, Sequence

from rich.live import Live

from raytrain.backend.naming import short_names
from raytrain.backend.screen import screen
from raytrain.backend.tally import Tally
from raytrain.backend.usage import Usage
from raytrain.config.duration import duration_text
from raytrain.config.plain import console_of, plain
from raytrain.runs.history import Row
from raytrain.runs.messages import shows_details
from raytrain.runs.record import Record, Task

EVERY_S = 30.0
"""Smallest number of seconds between two lines of a trial, unless details are shown."""
WIDTH = 100
"""Largest number of columns of a line."""
NAME = 40
"""Largest number of columns of a trial's name in a line."""
SHORTEST = 12
"""Smallest number of columns for a trial's name beside long figures."""


class ConsoleView:
    """Shows trials on standard output. Each line contains the name of its trial."""

    name = "progress"

    def __init__(
        self,
        title: str,
        rungs: list[int],
        past: Sequence[Record] = (),
        expected: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.console = console_of(sys.stdout)
        self._title, self._rungs, self._expected, self._clock = title, rungs, expected, clock
        self._tally = Tally(past, expected, clock)
        self._said_s: dict[str, float] = {}
        self._usage = Usage(clock)
        self._live = Live(console=self.console, auto_refresh=False, transient=True)

    def start(self) -> None:
        """Print the number of trainings, and start the screen on a terminal."""
        count = max(len(self._tally.tasks), self._expected)
        self.say(f"{self._title}: {count} training{'s' * (count > 1)}")
        if self.console.is_terminal:
            self._live.start()

    def note(self, task: Task) -> None:
        """Count this trial. Epochs that the trial has already done do not count as progress."""
        self._tally.note(task)
        self._said_s[task.fingerprint] = self._clock()

    def update(self, task: Task, rows: list[Row]) -> None:
        new = self._tally.new_rows(task, rows)
        if shows_details():
            for row in new:
                self.say(f"  {task.name}: {epoch_text(row, task.spec.last_epoch)}")
        elif new and not self.console.is_terminal and self._is_due(task):
            self._said_s[task.fingerprint] = self._clock()
            self.say(self._line(task, rows))

    def ended(self, task: Task, record: Record) -> None:
        self._tally.end(record)
        score = f", best {task.metric.label} {record.best['val_score']:.4f}" if record.best else ""
        figures = f"{record.epochs}/{record.spec.last_epoch} epochs{score}; {self._tally.left()}"
        self.say(f"  {record.status:<8} {self._named(task, len(figures) + 13)} {figures}")
        # A trial is stopped at the rung of its last epoch, which the figures say.
        if record.reason and record.status != "stopped":
            self.say(f"           {record.reason}")
        for incident in record.incidents:
            self.say(f"           {record.name}: {incident}")

    def looked(self) -> None:
        if self.console.is_terminal:
            usage = self._usage.text()
            now = screen(self._title, self._tally, self._rungs, usage, self.console)
            self._live.update(now, refresh=True)

    def close(self) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """Print a text as it is; brackets in it are not read as markup."""
        self.console.print(plain(text), soft_wrap=True)

    def _is_due(self, task: Task) -> bool:
        return self._clock() - self._said_s[task.fingerprint] >= EVERY_S

    def _line(self, task: Task, rows: list[Row]) -> str:
        """Return the progress of a trial in one line of at most `WIDTH` columns."""
        row = rows[-1]
        scores = [each["val_score"] for each in rows if "val_score" in each]
        score = f"loss {row['train_loss']:.4f}"
        if "val_score" in row:
            score = f"{task.metric.label} {row['val_score']:.4f} (best {max(scores):.4f})"
        figures = f"epoch {row['epoch']}/{task.spec.last_epoch}, {score}"
        figures += f", {duration_text(row['seconds_left'])} left"
        return f"  {self._named(task, len(figures) + 4)} {figures}"

    def _named(self, task: Task, beside: int) -> str:
        """Return a trial's name and a colon, as wide as the other trials' names. The name is short
        enough to leave `beside` columns of the line for figures."""
        names = short_names(self._tally.names(), max(SHORTEST, min(NAME, WIDTH - beside)))
        return f"{names[task.name] + ':':<{max(map(len, names.values())) + 1}}"


def epoch_text(row: Row, last_epoch: int) -> str:
    """Return all figures of an epoch in one line."""
    parts = [f"epoch {row['epoch']}/{last_epoch}, loss {row['train_loss']:.4f}"]
    if "val_dice" in row:
        classes = " ".join(
            "-" if value is None else f"{value:.3f}" for value in row["val_dice_per_class"]
        )
        parts += [f"val loss {row['val_loss']:.4f}", f"val Dice {row['val_dice']:.4f} ({classes})"]
        if row["val_score"] != row["val_dice"]:
            parts.append(f"val score {row['val_score']:.4f}")
    parts += [f"val {name} {score:.4f}" for name, score in row.get("val_measures", {}).items()]
    if "train_dice" in row:
        parts.append(f"train Dice {row['train_dice']:.4f}")
    memory = [f"{row['host_gb']:.1f} GB"] if "host_gb" in row else []
    if "device_gb" in row:
        memory.append(f"{row['device_gb']:.1f} GB of the GPU")
    parts += [
        f"lr {row['lr']:.2g}",
        f"{row['samples_per_s']:.0f} images/s",
        f"waiting for data {100 * row['wait_share']:.0f} %",
        *([" and ".join(memory)] if memory else []),
        f"{duration_text(row['seconds_left'])} left",
    ]
    return ", ".join(parts)
