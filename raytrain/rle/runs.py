"""Runs of pixels along a path over the image, down the columns or along the rows.

Positions count from 0 along the path. A run includes its begin and excludes its end.
"""

from itertools import pairwise
from typing import Literal, NamedTuple

import cv2
import numpy as np

Order = Literal["column", "row"]


class Runs(NamedTuple):
    """Begins and ends of runs, int64, rising. Runs may touch, but do not overlap."""

    begins: np.ndarray
    ends: np.ndarray


def runs_by_number(image_HW: np.ndarray, count: int, order: Order) -> list[Runs]:
    """Return the maximal runs of each of the numbers 1 .. count, in one pass over a label image.

    `image_HW` holds whole numbers (bool, uint8, uint16 or int32); other numbers are ignored.
    """
    flat = _walk(image_HW, order)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    begins, ends = np.concatenate(([0], edges)), np.concatenate((edges, [flat.size]))
    numbers = flat[begins]
    sorting = np.argsort(numbers, kind="stable")
    bounds = np.searchsorted(numbers[sorting], np.arange(1, count + 2))
    found = [sorting[here:after] for here, after in pairwise(bounds)]
    return [Runs(begins[rows], ends[rows]) for rows in found]


def mask_of(runs: Runs, shape_HW: tuple[int, int], order: Order) -> np.ndarray:
    """Return the bool mask (H, W) of runs that neither overlap nor leave the image."""
    height, width = shape_HW
    steps = np.zeros(height * width + 1, np.int8)
    steps[runs.begins] += 1
    steps[runs.ends] -= 1
    np.cumsum(steps, dtype=np.int8, out=steps)  # in place: no second image in memory
    flat = steps[:-1].view(np.uint8)
    if order == "row":
        return flat.reshape(height, width).view(bool)
    return _turned(flat.reshape(width, height)).view(bool)


def _walk(image_HW: np.ndarray, order: Order) -> np.ndarray:
    image_HW = np.asarray(image_HW)
    if image_HW.dtype == bool:
        image_HW = image_HW.view(np.uint8)
    return (image_HW if order == "row" else _turned(image_HW)).reshape(-1)


def _turned(image_HW: np.ndarray) -> np.ndarray:
    # 20 x faster than ravel(order="F") on 2048 x 2048, which has a stride that defeats the CPU
    # cache.
    return cv2.transpose(image_HW)
