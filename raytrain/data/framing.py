"""Framing: from images of any size to the network's input, and from its maps back.

A window is one input of the network: a resized or padded image, or a tile of it. Shape suffixes: N
windows, B windows of a batch, K classes, H x W pixels, h rows of a strip.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby

import cv2
import numpy as np
import torch
from torch.nn import functional

from raytrain.config.framing import AutoSpec, FramingSpec, PadSpec, ResizeSpec, TilesSpec, WholeSpec
from raytrain.data.cache import Cache

RESIZABLE = (np.uint8, np.uint16, np.int16, np.float32, np.float64)
"""Types of values that OpenCV can resize."""


@dataclass(frozen=True)
class Windows:
    """Windows of some samples; the windows of one sample are consecutive."""

    row_N: np.ndarray
    """For each window, the row of its sample in the cache."""
    top_N: np.ndarray
    left_N: np.ndarray


class Frame:
    """How the images of one data set become windows, the network's inputs. Every window is `height`
    x `width` px."""

    def __init__(self, spec: FramingSpec, largest_HW: tuple[int, int]):
        self.spec = spec
        self.height, self.width = network_size(spec, largest_HW)

    def windows(self, cache: Cache, rows: np.ndarray) -> Windows:
        """Return all windows of the samples in these rows of the cache."""
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
        if isinstance(self.spec, ResizeSpec):
            return _resized(plane, self.height, self.width)
        part = plane[top : top + self.height, left : left + self.width]
        below, right = self.height - part.shape[0], self.width - part.shape[1]
        pads = ((0, below), (0, right), (0, 0))[: plane.ndim]
        # numpy mirrors repeatedly if needed; an edge of one pixel has nothing to mirror.
        return np.pad(part, pads, "symmetric") if below or right else np.array(part)

    def strips(
        self, batches: Iterable[torch.Tensor], windows: Windows, cache: Cache
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield row and prob_KhW of all samples at their own sizes, from the maps of the windows in
        order. A sample comes as one strip or, with tiles, as several strips from top to bottom.

        A strip is yielded as soon as the maps of its windows are there, so memory does not grow
        with the height.
        """
        maps = (prob_KHW for prob_BKHW in batches for prob_KHW in prob_BKHW)
        places = zip(
            windows.row_N.tolist(), windows.top_N.tolist(), windows.left_N.tolist(), strict=True
        )
        for row, placed in groupby(zip(places, maps, strict=True), lambda pair: pair[0][0]):
            height, width = int(cache.height[row]), int(cache.width[row])
            if isinstance(self.spec, TilesSpec):
                for strip_KhW in self._blended(placed, height, width):
                    yield row, strip_KhW
            else:
                yield row, self._at_own_size(next(placed)[1], height, width)

    def _at_own_size(self, prob_KHW: torch.Tensor, height: int, width: int) -> torch.Tensor:
        if isinstance(self.spec, ResizeSpec):
            return functional.interpolate(prob_KHW[None], (height, width), mode="bilinear")[0]
        return prob_KHW[:, :height, :width]

    def _blended(
        self, placed: Iterable[tuple[tuple[int, int, int], torch.Tensor]], height: int, width: int
    ) -> Iterator[torch.Tensor]:
        """Yield the rows of a sample that no later tile covers: those above each new row of
        tiles."""
        sums, base = None, 0
        down = min(self.height, height)
        weight_HW = _gaussian(self.height, self.width)
        for (_, top, left), prob_KHW in placed:
            if sums is None:
                weight_HW = weight_HW.to(prob_KHW.device)
                # The sums of the weighted classes, and of the weights.
                sums = prob_KHW.new_zeros(len(prob_KHW) + 1, down, width)
            if top > base:
                yield sums[:-1, : top - base] / sums[-1, : top - base]
                sums = functional.pad(sums[:, top - base :], (0, 0, 0, top - base))
                base = top
            across = min(self.width, width - left)
            place = sums[:, :, left : left + across]
            place[:-1] += (prob_KHW * weight_HW)[:, :down, :across]
            place[-1] += weight_HW[:down, :across]
        assert sums is not None
        yield sums[:-1] / sums[-1]


def joined(
    strips: Iterable[tuple[int, torch.Tensor]], cache: Cache
) -> Iterator[tuple[int, torch.Tensor]]:
    """Yield row and whole map prob_KHW of each sample, joined from its strips."""
    for row, of_row in groupby(strips, lambda pair: pair[0]):
        _, first_KhW = next(of_row)
        height = int(cache.height[row])
        if first_KhW.shape[1] == height:
            yield row, first_KhW
            continue
        # Filled strip by strip: to concatenate them would take twice the map's memory.
        prob_KHW, top = first_KhW.new_empty(len(first_KhW), height, first_KhW.shape[2]), 0
        for _, strip_KhW in chain([(row, first_KhW)], of_row):
            bottom = top + strip_KhW.shape[1]
            prob_KHW[:, top:bottom] = strip_KhW
            top = bottom
        yield row, prob_KHW


def network_size(spec: FramingSpec, largest_HW: tuple[int, int]) -> tuple[int, int]:
    """Return height and width (px) of the network's input, given the largest image's."""
    match spec:
        case ResizeSpec() | TilesSpec():
            return spec.height, spec.width
        case PadSpec():
            height, width = (-(-side // spec.multiple) * spec.multiple for side in largest_HW)
            return height, width
        case WholeSpec() | AutoSpec():
            return largest_HW


def _starts(length: int, tile: int, overlap: float) -> list[int]:
    """Return evenly spread starts of tiles along a length. Neighboring tiles overlap at least by
    the given share."""
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
    """Return weights in (0, 1], highest in the middle. The standard deviation is an eighth of the
    side."""
    sides = [
        torch.exp(-0.5 * ((torch.arange(side) - (side - 1) / 2) / (side / 8)) ** 2)
        for side in (height, width)
    ]
    return torch.outer(*sides).clamp_min(1e-4)
