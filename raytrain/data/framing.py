"""Framing: from images of any size to the network's input, and from its maps back.

A window is one input of the network: a resized or padded image, or a tile of it. Shape suffixes: N
windows, K classes, H x W pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch
from torch.nn import functional

from raytrain.config.framing import AutoSpec, FramingSpec, PadSpec, ResizeSpec, TilesSpec, WholeSpec
from raytrain.data.cache import Cache

RESIZABLE = (np.uint8, np.uint16, np.int16, np.float32, np.float64)
"""Types that OpenCV can resize."""


@dataclass(frozen=True)
class Windows:
    """Windows of some samples; the windows of one sample are consecutive."""

    row_N: np.ndarray
    """Rows of the cache."""
    top_N: np.ndarray
    left_N: np.ndarray


class Frame:
    """One framing applied to one data set: every window is `height` x `width`."""

    def __init__(self, spec: FramingSpec, largest_HW: tuple[int, int]):
        self.spec = spec
        self.height, self.width = network_size(spec, largest_HW)

    def windows(self, cache: Cache, rows: np.ndarray) -> Windows:
        """Return all windows of the samples in these rows."""
        if not isinstance(self.spec, TilesSpec):
            return Windows(rows, np.zeros_like(rows), np.zeros_like(rows))
        parts = []
        for row in rows:
            tops = _starts(int(cache.height[row]), self.height, self.spec.overlap)
            lefts = _starts(int(cache.width[row]), self.width, self.spec.overlap)
            parts += [(row, top, left) for top in tops for left in lefts]
        row_N, top_N, left_N = np.array(parts, np.int64).reshape(-1, 3).T
        return Windows(row_N, top_N, left_N)

    def window_count(self, height: int, width: int) -> int:
        """Return the number of windows of a sample of this size."""
        if not isinstance(self.spec, TilesSpec):
            return 1
        tops = _starts(height, self.height, self.spec.overlap)
        return len(tops) * len(_starts(width, self.width, self.spec.overlap))

    def cut(self, plane: np.ndarray, top: int, left: int) -> np.ndarray:
        """Return the window's part of an image (HWC) or mask (HW) as a new array.

        Masks keep their values, because they are resized by the nearest pixel. Pixels outside the
        image are mirrored.
        """
        match self.spec:
            case WholeSpec() | AutoSpec():
                return np.array(plane)
            case ResizeSpec():
                return _resized(plane, self.height, self.width)
        part = plane[top : top + self.height, left : left + self.width]
        below, right = self.height - part.shape[0], self.width - part.shape[1]
        pads = ((0, below), (0, right), (0, 0))[: plane.ndim]
        # numpy mirrors repeatedly if needed; an edge of one pixel has nothing to mirror.
        return np.pad(part, pads, "symmetric") if below or right else np.array(part)

    def maps(
        self, prob_NKHW: torch.Tensor, windows: Windows, cache: Cache
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield row and prob_KHW of each sample at its own size, from the maps of its windows."""
        # The windows of one row are consecutive.
        first = np.flatnonzero(np.diff(windows.row_N, prepend=-1))
        for start, end in pairwise([*first.tolist(), len(windows.row_N)]):
            row, mine = int(windows.row_N[start]), slice(start, end)
            places = list(zip(windows.top_N[mine], windows.left_N[mine], strict=True))
            height, width = int(cache.height[row]), int(cache.width[row])
            yield row, self._assembled(prob_NKHW[mine], places, height, width)

    def _assembled(
        self, prob_NKHW: torch.Tensor, places: list[tuple[int, int]], height: int, width: int
    ) -> torch.Tensor:
        match self.spec:
            case WholeSpec() | AutoSpec():
                return prob_NKHW[0]
            case PadSpec():
                return prob_NKHW[0, :, :height, :width]
            case ResizeSpec():
                return functional.interpolate(prob_NKHW, (height, width), mode="bilinear")[0]
        weight_HW = _gaussian(self.height, self.width).to(prob_NKHW.device)
        total_KHW = prob_NKHW.new_zeros(prob_NKHW.shape[1], height, width)
        weights_HW = prob_NKHW.new_zeros(height, width)
        for prob_KHW, (top, left) in zip(prob_NKHW, places, strict=True):
            down, across = min(self.height, height - top), min(self.width, width - left)
            place = (slice(top, top + down), slice(left, left + across))
            total_KHW[:, *place] += (prob_KHW * weight_HW)[:, :down, :across]
            weights_HW[place] += weight_HW[:down, :across]
        return total_KHW / weights_HW


def network_size(spec: FramingSpec, largest_HW: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width of the network's input."""
    match spec:
        case ResizeSpec() | TilesSpec():
            return spec.height, spec.width
        case PadSpec():
            height, width = (-(-side // spec.multiple) * spec.multiple for side in largest_HW)
            return height, width
        case WholeSpec() | AutoSpec():
            return largest_HW


def _starts(length: int, tile: int, overlap: float) -> list[int]:
    """Return evenly spread starts of tiles over the length, with at least the given overlap."""
    if length <= tile:
        return [0]
    step = max(1, round(tile * (1 - overlap)))
    count = -(-(length - tile) // step) + 1
    return [round(place * (length - tile) / (count - 1)) for place in range(count)]


def _resized(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    if plane.ndim == 2:
        # INTER_NEAREST rounds positions down and so shifts masks; the exact kind does not.
        return cv2.resize(plane, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    if plane.dtype not in RESIZABLE:
        plane = plane.astype(np.float32)  # the type of every image at the network's input
    shrinks = height * width < plane.shape[0] * plane.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    # OpenCV resizes four channels at a time and drops a last axis of length one.
    parts = [
        cv2.resize(np.ascontiguousarray(plane[..., c]), (width, height), interpolation=method)
        for c in range(plane.shape[2])
    ]
    return np.stack(parts, axis=2)


def _gaussian(height: int, width: int) -> torch.Tensor:
    """Return weights in (0, 1], highest in the middle; the deviation is an eighth of the side."""
    sides = [
        torch.exp(-0.5 * ((torch.arange(side) - (side - 1) / 2) / (side / 8)) ** 2)
        for side in (height, width)
    ]
    return torch.outer(*sides).clamp_min(1e-4)
