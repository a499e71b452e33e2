"""Parallel work on many samples in threads, with a progress bar."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from raytrain.runs.bar import bar

Item = TypeVar("Item")
Result = TypeVar("Result")

AT_ONCE = 2**27
"""Largest number of values of images that are read at the same time: eight images of 4096 x 4096
gray pixels. An image takes up to ten bytes for each value while it is read and examined."""


def in_threads(
    title: str,
    work: Callable[[Item], Result],
    items: Sequence[Item],
    size: Callable[[Item], int],
) -> list[Result]:
    """Return `work(item)` for each of `items`, in their order, computed in threads with a progress
    bar called `title`. Raises the error of the first item that failed.

    `size` returns an item's number of values. At most AT_ONCE values are worked on at the same
    time. A larger item is worked on alone.
    """
    room = _Room(AT_ONCE)

    def within_room(item: Item) -> Result:
        with room.taken(size(item)):
            return work(item)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(bar(pool.map(within_room, items), title, len(items)))


class _Room:
    """Room for a number of values. While a thread waits for much room, no other thread takes
    room."""

    def __init__(self, size: int):
        self._size = self._free = size
        self._turn, self._given_back = threading.Lock(), threading.Condition()

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Wait for room for `size` values, and reserve it during the block. An item that is too
        large reserves all room."""
        size = min(size, self._size)
        with self._turn, self._given_back:
            self._given_back.wait_for(lambda: self._free >= size)
            self._free -= size
        try:
            yield
        finally:
            with self._given_back:
                self._free += size
                self._given_back.notify()
