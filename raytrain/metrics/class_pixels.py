"""One class of a mask of any size, read in bands of rows to save memory.

Shape suffixes: K channels of the map, H x W pixels, h rows of a band.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from raytrain.config.target import Target, layer

BAND = 2**20
"""Number of pixels of a mask that are worked on at once. Smaller images are a single band."""

Rows = Callable[[slice], np.ndarray]
"""Function from the rows of a band to class_hW (bool), the pixels of a class in these rows."""


def bands(shape_HW: tuple[int, ...]) -> list[slice]:
    """Return the rows of each band of a mask of this shape, from top to bottom."""
    height, width = shape_HW
    step = max(1, BAND // width)
    return [slice(top, min(height, top + step)) for top in range(0, height, step)]


@dataclass(frozen=True)
class ClassPixels:
    """A class of a mask, and its plane of the map."""

    mask_HW: np.ndarray
    number: int
    target: Target
    prob_KHW: np.ndarray

    @property
    def prob_HW(self) -> np.ndarray:
        """The probability of the class at each pixel."""
        return self.prob_KHW[self.number - (self.target == "multi_label")]

    def at(self, rows: slice) -> np.ndarray:
        """Return class_hW (bool), the pixels of the class, in these rows."""
        return layer(self.mask_HW[rows], self.number, self.target)

    def absent(self, rows: slice) -> np.ndarray:
        """Return absent_hW (bool), the pixels outside the class, in these rows."""
        return ~self.at(rows)
