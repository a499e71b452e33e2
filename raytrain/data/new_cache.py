"""A cache of images that belong to no data set. Each is decoded when it is needed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from raytrain.config.target import Target
from raytrain.data.cache import Cache
from raytrain.data.new_images import NewImage, read_new


@dataclass(frozen=True)
class NewCache(Cache):
    """Images without masks that belong to no data set. Each is decoded when it is needed."""

    read: Callable[[int], np.ndarray]

    def image(self, row: int) -> np.ndarray:
        """Return image_HWC of the image in this row, decoded now."""
        return self.read(row)


def new_cache(
    read: Callable[[int], np.ndarray],
    sizes: Sequence[tuple[int, int]],
    channels: int,
    target: Target,
) -> NewCache:
    """Return a cache of images of these heights and widths; `read(row)` returns image_HWC."""
    height, width = np.array(sizes, np.int64).reshape(-1, 2).T
    start = np.concatenate([[0], np.cumsum(height * width)])
    return NewCache(
        pixels=np.empty(0),
        # One zero for all pixels of all masks.
        labels=np.broadcast_to(np.uint8(0), (int(start[-1]),)),
        start=start,
        height=height,
        width=width,
        channels=channels,
        target=target,
        ids=pa.chunked_array([pa.array(map(str, range(len(sizes))))]),
        read=read,
    )


def cache_of(images: Sequence[NewImage], at_once: int, channels: int, target: Target) -> NewCache:
    """Return a cache of these images. Each is decoded when it is read, and the last `at_once`
    decoded images stay in memory."""
    read = lru_cache(maxsize=at_once)(lambda row: read_new(images[row]))
    return new_cache(read, [each.size_HW for each in images], channels, target)
