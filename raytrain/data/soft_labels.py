"""Soft labels: the probabilities of a pixel's classes as one whole number.

A mask of soft labels is a plane of whole numbers, as every mask is (`config/target.py`). Framing,
the cache and nearest-neighbor augmentation therefore move it like any other mask. A number below
`FIRST` is a label that is certain; a number from `FIRST` on is a row of the table.

- One class for each pixel: the two most probable classes and their ratio, in steps of half a
  percent. The other classes are left out, and the two sum to 1.
- Overlapping classes: each class's own probability, in as many steps as the numbers allow.

Shape suffixes: K classes (without the background if they overlap), V rows of the table, H x W
pixels.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from raytrain.config.target import Target
from raytrain.data.cache import Cache
from raytrain.data.epoch_plan import SoftWindows
from raytrain.runs.layout import RunDir
from raytrain.runs.soft import SoftSource, read_soft

FIRST = 256
"""The first number of a soft label. Certain labels and unlabeled pixels have lower numbers."""
NUMBERS = 2**16
"""Number of different values in a mask, which has at most 16 bits."""
STEPS = 100
"""Largest number of steps of a ratio between .5 and 1."""


@dataclass(frozen=True)
class Probabilities:
    """Converts the probabilities of a pixel's classes to a number, and back."""

    classes: int
    """Number of classes, including the background."""
    target: Target

    @cached_property
    def steps(self) -> int:
        """Number of steps of a ratio or, for overlapping classes, of a probability from 0 to 1."""
        if self.target == "single_label":
            pairs = self.classes * (self.classes - 1)
            return max(1, min(STEPS, (NUMBERS - FIRST) // pairs))
        layers = self.classes - 1
        levels = int(round((NUMBERS - FIRST) ** (1 / layers), 6))
        return min(2 * STEPS, levels - 1)

    @cached_property
    def prob_VK(self) -> np.ndarray:
        """The table (float32): the probabilities that each number means; 0 for unlabeled pixels."""
        if self.target == "single_label":
            return self._pairs_table()
        layers, levels = self.classes - 1, self.steps + 1
        bits_VK = np.arange(FIRST)[:, None] >> np.arange(layers) & 1
        digits_VK = np.arange(levels**layers)[:, None] // levels ** np.arange(layers) % levels
        return np.concatenate([bits_VK, digits_VK / self.steps]).astype(np.float32)

    def _pairs_table(self) -> np.ndarray:
        count, steps = self.classes, self.steps
        first, rest = np.divmod(np.arange(count * (count - 1) * steps) // steps, count - 1)
        second = rest + (rest >= first)
        ratio = 0.5 + np.arange(len(first)) % steps / (2 * steps)
        soft_VK = np.zeros((len(first), count), np.float32)
        rows = np.arange(len(first))
        soft_VK[rows, first], soft_VK[rows, second] = ratio, 1 - ratio
        return np.concatenate([np.eye(FIRST, count, dtype=np.float32), soft_VK])

    def numbers(self, prob_KHW: np.ndarray) -> np.ndarray:
        """Return number_HW (uint16): for each pixel, the label whose probabilities are nearest to
        prob_KHW."""
        if self.target == "single_label":
            return self._numbers_of_pairs(prob_KHW)
        level_KHW = np.rint(prob_KHW * self.steps).astype(np.int64)
        bits, levels = np.arange(len(prob_KHW)), self.steps + 1
        soft_HW = FIRST + np.tensordot(levels**bits, level_KHW, 1)
        certain_HW = np.tensordot(2**bits, level_KHW == self.steps, 1)
        is_certain_HW = ((level_KHW == 0) | (level_KHW == self.steps)).all(0)
        return np.where(is_certain_HW, certain_HW, soft_HW).astype(np.uint16)

    def _numbers_of_pairs(self, prob_KHW: np.ndarray) -> np.ndarray:
        first_HW = prob_KHW.argmax(0)
        others_KHW = prob_KHW.copy()
        np.put_along_axis(others_KHW, first_HW[None], -1, 0)
        second_HW = others_KHW.argmax(0)
        first, second = (
            np.take_along_axis(prob_KHW, at_HW[None], 0)[0] for at_HW in (first_HW, second_HW)
        )
        level_HW = np.rint((first / (first + second) - 0.5) * 2 * self.steps).astype(np.int64)
        pair_HW = first_HW * (self.classes - 1) + second_HW - (second_HW > first_HW)
        soft_HW = FIRST + pair_HW * self.steps + level_HW
        return np.where(level_HW == self.steps, first_HW, soft_HW).astype(np.uint16)


@dataclass(frozen=True)
class SoftCache(Cache):
    """A cache in which some samples have soft labels as their masks."""

    soft_rows: np.ndarray
    """The rows, in the cache, of the samples with soft labels."""
    soft_numbers: np.ndarray
    """The soft labels (uint16) of all pixels of these samples, flat, one sample after another."""
    share: float
    """Share of the samples with soft labels in an epoch of training."""

    @property
    def mask_type(self) -> np.dtype:
        return np.dtype(np.uint16)

    @cached_property
    def _place(self) -> dict[int, tuple[int, int]]:
        area = (self.height * self.width)[self.soft_rows]
        ends = np.cumsum(area)
        pairs = zip((ends - area).tolist(), ends.tolist(), strict=True)
        return dict(zip(self.soft_rows.tolist(), pairs, strict=True))

    def mask(self, row: int) -> np.ndarray:
        """Return mask_HW (uint16) of the sample in this row: its soft labels, or its own mask."""
        if row not in self._place:
            return super().mask(row).astype(np.uint16)
        first, last = self._place[row]
        return self.soft_numbers[first:last].reshape(self.height[row], self.width[row])


def with_soft_labels(cache: Cache, rows: np.ndarray, source: SoftSource, run: RunDir) -> SoftCache:
    """Return the cache with soft labels as the masks of the test images in these rows.

    Raises DamagedError when the file of soft labels does not fit these images.
    """
    pixels = int((cache.height * cache.width)[rows].sum())
    numbers = read_soft(run, source.teacher, pixels)
    return SoftCache(**vars(cache), soft_rows=rows, soft_numbers=numbers, share=source.share)


def soft_windows(cache: Cache, row_N: np.ndarray, copies: int) -> SoftWindows | None:
    """Return which windows in these rows, and which of their copies, have soft labels; None if the
    cache has none."""
    if not isinstance(cache, SoftCache):
        return None
    return SoftWindows(np.tile(np.isin(row_N, cache.soft_rows), 1 + copies), cache.share)
