"""Progress of a station that trains nothing: a screen on a terminal, a line from time to time in a
log, and a bar in a program."""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from rich.live import Live

from raytrain.backend.console import EVERY_S
from raytrain.backend.following import POLL_S
from raytrain.backend.screen import stations_text
from raytrain.backend.usage import Usage
from raytrain.config.duration import duration_text
from raytrain.config.plain import console_of
from raytrain.runs.bar import count_bar
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import counted, prints_messages, say


class Counting:
    """Context manager that shows, from a thread of its own, how much of a station is done."""

    def __init__(
        self,
        station: str,
        folder: RunDir | None,
        total: int,
        noun: str,
        done: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ):
        """`done` returns how many of the `total` things, such as images, are done. `noun` is the
        name of one thing. Without a run's folder, the stations are not shown."""
        self._station, self._folder, self._done, self._clock = station, folder, done, clock
        self._total, self._noun = total, noun
        self._before, self._start_s, self._said_s = done(), clock(), clock()
        self._has_estimate = False
        self._usage = Usage(clock)
        self._console = console_of(sys.stdout)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._bar = None if prints_messages() else count_bar(station, total, noun)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=station, daemon=True)

    def __enter__(self) -> Self:
        if self._bar is None and self._console.is_terminal:
            self._live.start()
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._stop.set()
        self._thread.join()
        self._live.stop()
        if self._bar is not None:
            self._bar.close()
        if error is None:
            took_s = self._clock() - self._start_s
            took = duration_text(took_s) if took_s >= 1 else "under a second"
            done = counted(self._done() - self._before, self._noun)
            before = f"; {self._before} were done before" if self._before else ""
            say(f"{self._station}: {done} in {took}{before}")

    def look(self) -> None:
        """Show how much of the station is done now."""
        done = self._done()
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
            self._bar.refresh()
        elif self._console.is_terminal:
            ascii_only = self._console.options.ascii_only
            lines = [self._text(done)]
            if self._folder is not None:
                lines.insert(0, stations_text(self._folder, self._station, ascii_only))
            if usage := self._usage.text():
                lines.append(f"this machine: {usage}")
            self._live.update("\n".join(lines), refresh=True)
        elif self._is_time(done):
            self._said_s = self._clock()
            say(f"  {self._text(done)}")

    def _is_time(self, done: int) -> bool:
        """Return whether a log gets a line now: in intervals, and as soon as the time can be
        estimated."""
        first = not self._has_estimate and self._before < done < self._total
        self._has_estimate |= first
        return first or self._clock() - self._said_s >= EVERY_S

    def _run(self) -> None:
        self.look()
        while not self._stop.wait(POLL_S):
            self.look()
        self.look()

    def _text(self, done: int) -> str:
        text = f"{self._station}: {done} of {counted(self._total, self._noun)}"
        new, left = done - self._before, self._total - done
        if not new or not left:
            return text
        left_s = (self._clock() - self._start_s) / new * left
        return f"{text}, about {duration_text(max(1, left_s))} left"


def files_there(paths: Sequence[Path]) -> Callable[[], int]:
    """Return a function that counts the files that exist. A file that was found once is not looked
    for again."""
    missing = [*paths]

    def count() -> int:
        missing[:] = [path for path in missing if not path.is_file()]
        return len(paths) - len(missing)

    return count


def show_stations(folder: RunDir) -> None:
    """Print the stations of the pipeline with a mark at the first one, `check`, if this process is
    a command on a terminal."""
    console = console_of(sys.stdout)
    if prints_messages() and console.is_terminal:
        say(stations_text(folder, "check", console.options.ascii_only))
