"""Strips of rows. With them, a calculation in float64 takes a few megabytes for any image."""

from collections.abc import Iterator

import numpy as np

STRIP = 2**18
"""Number of values in a strip. An image of 512 x 512 pixels is one strip."""


def strips(array: np.ndarray) -> Iterator[slice]:
    """Yield slices of whole rows that cover an array HxW or HxWxC, from top to bottom."""
    height = len(array)
    rows = max(1, STRIP * height // max(1, array.size))
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def gray(image_HWC: np.ndarray) -> np.ndarray:
    """Return the mean over the channels as gray_HW (float64)."""
    gray_HW = channel_sum(image_HWC, np.float64)
    gray_HW /= image_HWC.shape[2]
    return gray_HW


def channel_sum(image_HWC: np.ndarray, dtype: np.typing.DTypeLike) -> np.ndarray:
    """Return the sum over the channels as sum_HW of this type."""
    # Ten times faster than numpy's sum over a short last axis.
    sum_HW = image_HWC[..., 0].astype(dtype)
    for channel in range(1, image_HWC.shape[2]):
        sum_HW += image_HWC[..., channel]
    return sum_HW


def roomy(dtype: np.dtype) -> np.dtype:
    """Return a type for exact sums and differences of some values of `dtype`."""
    small = dtype.kind in "ui" and dtype.itemsize <= 2
    return np.dtype(f"{dtype.kind}{2 * dtype.itemsize}" if small else np.float64)
