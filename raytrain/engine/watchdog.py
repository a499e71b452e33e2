"""Ends a worker process that makes no more steps, so that its parent starts it again.

When a rank hangs, all others wait in their next collective operation. They make no step either, so
each writes its stack and exits. A process that is itself stopped (SIGSTOP) writes nothing. It ends
because the others end. Between steps (the first step of an epoch, each part of an evaluation,
checkpoints) ten times the limit is allowed. There is no limit for the first epoch of a compiled
network, for decoding data and for making the shipped weights.
"""

import faulthandler
import os
import platform
import re
import statistics
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from torch import nn

from raytrain.engine.parallel import World
from raytrain.runs.history import Row
from raytrain.runs.layout import TrialDir

Item = TypeVar("Item")
MEDIANS = 5.0
"""A process hangs if it makes no step for this multiple of the median time of a step, and for at
least the floor: the shortest hang in seconds, which an environment variable sets."""
RESTS = 10.0
"""Factor on the floor (the shortest hang, in seconds) that gives the time allowed for work between
steps."""
GRACE_S = 3.0
"""Seconds to wait before the exit. The end of one process ends the others, and each needs time to
write its stack."""
EXIT_CODE = 86
STDERR = 2
_FILE = re.compile(r"stalled_epoch\d+_step\d+_rank(\d+)\.txt")


class Watch(Protocol):
    """Watches the steps of a training for hangs."""

    node: str
    """The node of this process."""
    interruption: str | None
    """Why the last start of these workers ended, if the reason is known."""

    def start(self, folder: Path, world: World, nodes: list[str]) -> None:
        """Begin to watch a training whose ranks run on `nodes`. Reports are written to `folder`."""
        ...

    def steps(self, batches: Iterable[Item], epoch: int, network: nn.Module) -> Iterator[Item]:
        """Yield the batches. A step ends when the next batch is requested."""
        ...

    def rest(self) -> None:
        """Mark the beginning of work other than a step."""
        ...

    def off(self) -> None:
        """Pause the watch, because the work that follows may take any time."""
        ...


class Unwatched:
    """Watches nothing. It is for a process of the user's own, which a debugger may stop for any
    time."""

    node = platform.node()
    interruption: str | None = None

    def start(self, folder: Path, world: World, nodes: list[str]) -> None:
        del folder, world, nodes

    def steps(self, batches: Iterable[Item], epoch: int, network: nn.Module) -> Iterator[Item]:
        del epoch, network
        yield from batches

    def rest(self) -> None:
        pass

    def off(self) -> None:
        pass


UNWATCHED = Unwatched()


class Watchdog:
    """Watches this process's steps from a thread, from `start` until the end of the block."""

    def __init__(self, node: str, floor_s: float, interruption: str | None = None):
        self.node, self._floor_s, self.interruption = node, floor_s, interruption
        self._lock = threading.Lock()
        self._last: float | None = None
        """Time at which the last step or the current rest began; None while the watch is off."""
        self._resting = True
        self._seconds: deque[float] = deque(maxlen=101)
        self._epoch = self._step = 0
        self._network: nn.Module | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> "Watchdog":
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    def start(self, folder: Path, world: World, nodes: list[str]) -> None:
        """Begin to watch a training whose ranks run on `nodes`. Reports are written to `folder`."""
        self._folder, self._rank, self._nodes = folder, world.rank, nodes
        self.rest()
        self._thread.start()

    def steps(self, batches: Iterable[Item], epoch: int, network: nn.Module) -> Iterator[Item]:
        """Yield the batches. A step ends when the next batch is requested."""
        compiles = hasattr(network, "_orig_mod") and network is not self._network
        self._network, self._epoch, self._step = network, epoch, 0
        if compiles:
            self.off()
        for number, batch in enumerate(batches):
            # A request for a batch ends the step before it; the first one ends no step.
            if number and not compiles:
                self._stepped(number)
            yield batch
        if not compiles:
            self._stepped(self._step + 1)

    def rest(self) -> None:
        """Allow ten times the limit until the next step has ended."""
        with self._lock:
            self._last, self._resting = time.monotonic(), True

    def off(self) -> None:
        """Pause the watch until the next rest or step."""
        with self._lock:
            self._last = None

    def _stepped(self, number: int) -> None:
        now = time.monotonic()
        with self._lock:
            if self._last is not None and not self._resting:
                self._seconds.append(now - self._last)
            self._last, self._step, self._resting = now, number, False

    def _watch(self) -> None:
        interval = min(1.0, self._floor_s / 4)
        seen, quiet, before = None, 0.0, time.monotonic()
        while not self._done.wait(interval):
            now = time.monotonic()
            with self._lock:
                last, median = self._last, statistics.median(self._seconds or [0.0])
                floor_s = self._floor_s * (RESTS if self._resting else 1)
            # Time in which this thread could not run either is not counted.
            quiet = quiet + min(now - before, 2 * interval) if last == seen else 0.0
            seen, before = last, now
            if last is not None and quiet > max(floor_s, MEDIANS * median):
                self._end(now - last, median)

    def _end(self, waited: float, median: float) -> None:
        """Write which rank hangs, and where. Then exit, even if the storage does not respond."""
        text = (
            f"rank {self._rank} of {len(self._nodes)} on {self._nodes[self._rank]} made no "
            f"step for {waited:.0f} s (median {median:.2g} s) after step {self._step} of epoch "
            f"{self._epoch}; the process ended so that training starts again\n"
            f"{'; '.join(self._nodes)}\n"
        )
        faulthandler.dump_traceback_later(15, exit=True, file=STDERR)
        os.write(STDERR, text.encode())
        faulthandler.dump_traceback(file=STDERR)
        name = f"stalled_epoch{self._epoch:04d}_step{self._step:05d}_rank{self._rank}.txt"
        with (self._folder / name).open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            faulthandler.dump_traceback(file=file)
            os.fsync(file.fileno())
        time.sleep(GRACE_S)
        os._exit(EXIT_CODE)


def interruption_notes(watch: Watch, directory: TrialDir, history: list[Row]) -> list[str]:
    """Return notes about why the last start of a training ended, and about hangs. Notes that a row
    of the history contains are left out."""
    # The workers may have been interrupted in an earlier training.
    if watch.interruption is None or not directory.starts.is_file():
        return _stall_notes(directory.path, history)
    after = f"interrupted after epoch {len(history)}: {watch.interruption}"
    return [after, *_stall_notes(directory.path, history)]


def _stall_notes(folder: Path, history: list[Row]) -> list[str]:
    told = "\n".join(note for row in history for note in row.get("notes", []))
    new = [path for path in sorted(folder.glob("stalled_*.txt")) if path.name not in told]
    notes, wrote, nodes = [], set(), []
    for path in new:
        match = _FILE.fullmatch(path.name)
        lines = path.read_text("utf-8").splitlines()
        if match and len(lines) > 1:
            wrote.add(int(match[1]))
            nodes = lines[1].split("; ")
            notes.append(f"{lines[0]} (stacks in {path.name})")
    for rank in set(range(len(nodes))) - wrote:
        notes.append(
            f"rank {rank} on {nodes[rank]} wrote no stacks: it was suspended, or its "
            "process has ended"
        )
    return notes
