"""What a person sees while trials run: a live table on a terminal, a line an epoch elsewhere.

It reads only `history.jsonl`, so it is the same for every way of running.
"""

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from raytrain.runs.history import Row, read_history
from raytrain.runs.record import Record, Task

POLL_S = 0.5


class Progress:
    """Follows the history files of `tasks` for the block."""

    def __init__(self, title: str, tasks: list[Task], rungs: list[int]):
        self._title, self._tasks, self._rungs = title, list(tasks), rungs
        self._ends: dict[str, Record] = {}
        self._shown: dict[str, int] = {}
        self._first: dict[str, int] = {}
        for task in tasks:
            self._note(task)
        self._start = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="progress", daemon=True)
        self._console = Console()
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        count = f"{len(self._tasks)} trainings" if self._tasks else "trainings follow"
        self._say(f"{self._title}: {count}")
        if self._console.is_terminal:
            self._live.start()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._live.stop()

    def follow(self, task: Task) -> None:
        """Show this one too."""
        if task.fingerprint not in self._shown:
            self._note(task)
            self._tasks.append(task)

    def _note(self, task: Task) -> None:
        epoch = _last(task).get("epoch", 0)
        self._shown[task.fingerprint] = self._first[task.fingerprint] = epoch

    def ended(self, record: Record) -> None:
        """Show how a trial ended."""
        self._ends[record.fingerprint] = record
        score = f", best val Dice {record.best['val_dice']:.4f}" if record.best else ""
        reason = f" ({record.reason})" if record.reason else ""
        epochs = f"{record.epochs}/{record.spec.last_epoch} epochs"
        self._new_rows()
        self._say(f"  {record.status:<8} {record.name}: {epochs}{score}{reason}")

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _follow(self) -> None:
        while not self._stop.wait(POLL_S):
            if self._console.is_terminal:
                self._live.update(self._table(), refresh=True)
            else:
                self._new_rows()

    def _new_rows(self) -> None:
        if self._console.is_terminal:
            return
        for task in self._tasks:
            for row in read_history(task.trial_dir.history):
                if row["epoch"] > self._shown[task.fingerprint]:
                    self._shown[task.fingerprint] = row["epoch"]
                    self._say(f"  {task.name}: {_line(task, row)}")

    def _table(self) -> Table:
        table = Table(title=f"{self._title}: {self._remaining()}", title_justify="left")
        for column in ("trial", "epoch", "rung", "train loss", "val Dice", "images/s", "state"):
            table.add_column(column, overflow="fold")
        for task in self._tasks:
            row, end = _last(task), self._ends.get(task.fingerprint)
            epoch = row.get("epoch", 0)
            rung = max((rung for rung in self._rungs if rung <= epoch), default=0)
            table.add_row(
                task.name,
                f"{epoch}/{task.spec.last_epoch}",
                str(rung or "-"),
                f"{row['train_loss']:.4f}" if row else "-",
                f"{row['val_dice']:.4f}" if "val_dice" in row else "-",
                f"{row['samples_per_s']:.0f}" if row else "-",
                end.status if end else ("running" if row else "waiting"),
            )
        return table

    def _remaining(self) -> str:
        """Epochs left if no further trial is stopped, and the time that they would take."""
        done = left = 0
        for task in self._tasks:
            epoch = _last(task).get("epoch", 0)
            done += epoch - self._first[task.fingerprint]
            if task.fingerprint not in self._ends:
                left += task.spec.last_epoch - epoch
        text = f"{len(self._ends)} of {len(self._tasks)} ended, at most {left} epochs left"
        if done:
            seconds = (time.monotonic() - self._start) / done * left
            text += f", about {seconds / 60:.1f} min"
        return text


def _last(task: Task) -> Row:
    rows = read_history(task.trial_dir.history)
    return rows[-1] if rows else {}


def _line(task: Task, row: Row) -> str:
    text = f"epoch {row['epoch']}/{task.spec.last_epoch}, loss {row['train_loss']:.4f}"
    if "val_dice" in row:
        classes = " ".join(f"{value:.3f}" for value in row["val_dice_per_class"])
        text += f", val loss {row['val_loss']:.4f}, val Dice {row['val_dice']:.4f} ({classes})"
        if row["val_score"] != row["val_dice"]:
            text += f", val score {row['val_score']:.4f}"
    return f"{text}, lr {row['lr']:.2g}, {row['samples_per_s']:.0f} images/s"
