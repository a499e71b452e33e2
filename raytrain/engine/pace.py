"""How long epochs take, what of that is waiting for data, and how long the rest will take.

Nothing here asks the device for anything: clocks are the host's.
"""

import statistics
import time
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from raytrain.runs.history import Row

T = TypeVar("T")


class Waited(Generic[T]):
    """Passes batches on; `seconds` is how long the loop stood still for the next one.

    On a GPU the host runs ahead of the device, which may still be busy while the host waits: there
    it is the most that the device can have lacked data.
    """

    def __init__(self, batches: Iterable[T]):
        self._batches = batches
        self.seconds = 0.0

    def __iter__(self) -> Iterator[T]:
        start = time.perf_counter()
        for batch in self._batches:
            self.seconds += time.perf_counter() - start
            yield batch
            start = time.perf_counter()
        self.seconds += time.perf_counter() - start


class Pace:
    """Times whole epochs: training, validation, and what lies between them and the next."""

    def __init__(self) -> None:
        self._since = time.perf_counter()
        self._took: list[float] = []

    def times(self, epoch: int, last_epoch: int) -> Row:
        """`time`, `epoch_seconds` and `seconds_left` of an epoch that has just ended; by the median
        of the epochs seen here, for the first one also starts loaders or compiles."""
        now = time.perf_counter()
        self._took.append(now - self._since)
        self._since = now
        left = statistics.median(self._took) * (last_epoch - epoch)
        return {
            "time": round(time.time(), 3),
            "epoch_seconds": round(self._took[-1], 4),
            "seconds_left": round(left, 1),
        }
