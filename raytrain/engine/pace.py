"""Timing of epochs: their duration, the share of time spent waiting for data, and the time left.

No function here synchronizes with the device: all clocks are the host's.
"""

import statistics
import time
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from raytrain.runs.history import Row

T = TypeVar("T")


class Waited(Generic[T]):
    """Iterates over batches. `seconds` is the total time for which the loop waited for the next
    batch.

    On a GPU the host runs ahead of the device, which may still be busy while the host waits. There,
    `seconds` is an upper bound of the time for which the device had no data.
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
    """Times whole epochs: training, validation, and the time between two epochs."""

    def __init__(self) -> None:
        self._since = time.perf_counter()
        self._took: list[float] = []

    def times(self, epoch: int, last_epoch: int) -> Row:
        """Return `time`, `epoch_seconds` and `seconds_left` of an epoch that has just ended. `time`
        is the time at its end, in seconds since 1970.

        The time left is based on the median of the epochs that this object has timed. The first of
        them includes the start of loaders and compilation.
        """
        now = time.perf_counter()
        self._took.append(now - self._since)
        self._since = now
        left = statistics.median(self._took) * (last_epoch - epoch)
        return {
            "time": round(time.time(), 3),
            "epoch_seconds": round(self._took[-1], 4),
            "seconds_left": round(left, 1),
        }
