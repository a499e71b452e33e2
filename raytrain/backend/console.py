"""Console output: one line per epoch; on a terminal also a live table of trials."""

import sys
import textwrap
import time

from rich.live import Live
from rich.table import Table

from raytrain.config.plain import console_of, plain
from raytrain.runs.history import Row, read_history
from raytrain.runs.record import Record, Task


class ConsoleView:
    """Shows trials on standard output; each line has its trial's name."""

    name = "progress"

    def __init__(self, title: str, rungs: list[int]):
        self.console = console_of(sys.stdout)
        self._title, self._rungs = title, rungs
        self._tasks: dict[str, Task] = {}
        self._first: dict[str, int] = {}
        self._last: dict[str, Row] = {}
        self._ended: set[str] = set()
        self._start = time.monotonic()
        self._live = Live(console=self.console, auto_refresh=False, transient=True)

    def start(self) -> None:
        """Print the number of trainings, and start the live table on a terminal."""
        count = f"{len(self._tasks)} trainings" if self._tasks else "trainings follow"
        self.say(f"{self._title}: {count}")
        if self.console.is_terminal:
            self._live.start()

    def note(self, task: Task) -> None:
        """Count this trial; epochs that it has already done do not count as progress."""
        rows = read_history(task.trial_dir.history)
        self._tasks[task.fingerprint] = task
        self._first[task.fingerprint] = len(rows)
        if rows:
            self._last[task.fingerprint] = rows[-1]

    def update(self, task: Task, rows: list[Row]) -> None:
        for row in rows:
            if row["epoch"] > self._epoch(task):
                self._last[task.fingerprint] = row
                width = max(len(other.name) for other in list(self._tasks.values()))
                figures = epoch_text(row, task.spec.last_epoch)
                self._say_fitted(f"  {task.name + ':':<{width + 1}} {figures}")

    def ended(self, task: Task, record: Record) -> None:
        self._ended.add(task.fingerprint)
        score = f", best val Dice {record.best['val_dice']:.4f}" if record.best else ""
        reason = f" ({record.reason})" if record.reason else ""
        epochs = f"{record.epochs}/{record.spec.last_epoch} epochs"
        text = f"  {record.status:<8} {record.name}: {epochs}{score}{reason}; {self._all_left()}"
        self._say_fitted(text)
        for incident in record.incidents:
            self._say_fitted(f"           {record.name}: {incident}")

    def looked(self) -> None:
        if self.console.is_terminal:
            table = self._table()
            self._live.update(table if table.row_count else str(table.title), refresh=True)

    def close(self) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """Print a line as it is."""
        self.console.print(plain(text), soft_wrap=True)

    def _say_fitted(self, line: str) -> None:
        """Print one line; on a narrow terminal, wrap it with an indent."""
        if self.console.is_terminal and len(line) > self.console.width:
            words = "  " + " ".join(line.split())
            line = textwrap.fill(words, self.console.width - 1, subsequent_indent=" " * 6)
        self.say(line)

    def _epoch(self, task: Task) -> int:
        return self._last.get(task.fingerprint, {}).get("epoch", 0)

    def _table(self) -> Table:
        """Return the table of trials that have begun and not ended."""
        table = Table(title=f"{self._title}: {self._all_left()}", title_justify="left")
        for column in ("running", "epoch", "rung", "train loss", "val Dice", "left"):
            table.add_column(column, overflow="fold")
        for task in list(self._tasks.values()):
            row = self._last.get(task.fingerprint)
            if task.fingerprint in self._ended or row is None:
                continue
            rung = max((rung for rung in self._rungs if rung <= row["epoch"]), default=0)
            table.add_row(
                task.name,
                f"{row['epoch']}/{task.spec.last_epoch}",
                str(rung or "-"),
                f"{row['train_loss']:.4f}",
                f"{row['val_dice']:.4f}" if "val_dice" in row else "-",
                span(row["seconds_left"]),
            )
        return table

    def _all_left(self) -> str:
        """Return the epochs left if no further trial is stopped, and the time they would take."""
        done = left = 0
        for task in list(self._tasks.values()):
            epoch = self._epoch(task)
            done += epoch - self._first[task.fingerprint]
            if task.fingerprint not in self._ended:
                left += task.spec.last_epoch - epoch
        text = f"{len(self._ended)} of {len(self._tasks)} ended"
        if left:
            text += f", at most {left} epochs left"
        if done and left:
            text += f", about {span((time.monotonic() - self._start) / done * left)}"
        return text


def epoch_text(row: Row, last_epoch: int) -> str:
    """Return all figures of an epoch in one line."""
    epoch = f"epoch {row['epoch']}/{last_epoch},"
    parts = [f"{epoch:<{len('epoch /,') + 2 * len(str(last_epoch))}} loss {row['train_loss']:.4f}"]
    if "val_dice" in row:
        classes = " ".join(
            "-" if value is None else f"{value:.3f}" for value in row["val_dice_per_class"]
        )
        parts += [f"val loss {row['val_loss']:.4f}", f"val Dice {row['val_dice']:.4f} ({classes})"]
        if row["val_score"] != row["val_dice"]:
            parts.append(f"val score {row['val_score']:.4f}")
    memory = f"{row['host_gb']:.1f} GB"
    if "device_gb" in row:
        memory += f" and {row['device_gb']:.1f} GB of the GPU"
    parts += [
        f"lr {row['lr']:.2g}",
        f"{row['samples_per_s']:.0f} images/s",
        f"waiting {100 * row['wait_share']:.0f} %",
        memory,
        f"{span(row['seconds_left'])} left",
    ]
    return ", ".join(parts)


def span(seconds: float) -> str:
    """Return a duration such as `42 s`, `7.5 min`, `3.2 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
