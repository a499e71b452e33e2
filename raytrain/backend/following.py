"""Pass the progress of trials to views.

The progress is read from `history.jsonl`, so it works the same for every backend. Each view has its
own thread, so that no view can delay a training.
"""

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from raytrain.runs.history import Row, read_history
from raytrain.runs.record import Record, Task

POLL_S = 0.5


class View(Protocol):
    """Shows trials in another tool, such as MLflow. An update that raised is repeated later."""

    name: str

    def update(self, task: Task, rows: list[Row]) -> None:
        """Called with the whole history of a trial whenever the history has changed."""
        ...

    def ended(self, task: Task, record: Record) -> None:
        """Called when a trial has ended. All rows of the trial have been passed before."""
        ...

    def looked(self) -> None:
        """Called after each reading of all histories, when everything new was passed to
        `update`."""
        ...

    def close(self) -> None:
        """Close the view. It is not called again."""
        ...


class Follower:
    """Watches the histories of trials for one view."""

    def __init__(self, view: View, say: Callable[[str], None]):
        self._view, self._say = view, say
        self._tasks: dict[str, Task] = {}
        self._read: dict[str, tuple[int, int]] = {}
        self._ended: queue.SimpleQueue[Record] = queue.SimpleQueue()
        self._ends: list[Record] = []
        self._problem = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=view.name, daemon=True)

    def follow(self, task: Task) -> None:
        """Pass this trial's history to the view, too, until the trial has ended."""
        self._tasks.setdefault(task.fingerprint, task)

    def start(self) -> None:
        self._thread.start()

    def ended(self, record: Record) -> None:
        self._ended.put(record)

    def stop(self) -> None:
        """Read the histories a last time, close the view, and end the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(POLL_S):
            self._try("an update failed and is tried again", self._look)
        self._try("the last update failed", self._look)
        self._try("it could not be closed", self._view.close)

    def _try(self, outcome: str, step: Callable[[], None]) -> None:
        try:
            step()
            self._problem = ""
        except Exception as error:  # a failing view must not end a training
            text = f"{self._view.name}: {outcome}: {type(error).__name__}: {error}"
            if text != self._problem:
                self._say(text)
            self._problem = text

    def _look(self) -> None:
        # First the trials that have ended, then the rows, so that all of their rows are there.
        while not self._ended.empty():
            self._ends.append(self._ended.get())
        for task in list(self._tasks.values()):
            size = _size(task.trial_dir.history)
            if size is not None and size != self._read.get(task.fingerprint):
                self._view.update(task, read_history(task.trial_dir.history))
                self._read[task.fingerprint] = size
        while self._ends:
            record = self._ends[0]
            if record.fingerprint in self._tasks:
                self._view.ended(self._tasks[record.fingerprint], record)
                del self._tasks[record.fingerprint]
            self._ends.pop(0)
        self._view.looked()


def _size(path: Path) -> tuple[int, int] | None:
    """Return the size and modification time of a file, or None if there is no file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns
