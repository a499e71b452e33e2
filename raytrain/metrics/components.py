"""Connected components of a class in an image of any size. They are labeled band by band, and
joined by a table.

The labels of a whole image of 20,000 x 20,000 pixels need 1.6 GB; those of a band need 16 MB. Shape
suffixes: H x W pixels, h rows of a band, N components, M components of single bands.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from raytrain.metrics.class_pixels import Rows, bands


class Components:
    """The connected components of a class. Number 0 is everything outside the class."""

    def __init__(self, class_of: Rows, shape_HW: tuple[int, ...], connectivity: int):
        """Find the components; `connectivity` is 4 or 8. `class_of` is called twice for each band,
        and must return the same pixels."""
        self._class_of, self._connectivity = class_of, connectivity
        self._bands = bands(shape_HW)
        self._last: tuple[slice, np.ndarray] | None = None
        counts, pairs, areas = [0], [], []
        above_W = np.zeros(shape_HW[1], np.int64)
        for rows in self._bands:
            label_hW = self._labels(rows)
            first_W = self._over_all(label_hW[0], counts)
            pairs.append(self._touching(above_W, first_W))
            above_W = self._over_all(label_hW[-1], counts)
            areas.append(np.bincount(label_hW.ravel())[1:])
            counts.append(counts[-1] + len(areas[-1]))
        self._start = dict(zip((rows.start for rows in self._bands), counts, strict=False))
        self._number_M, self.count = _joined(np.concatenate(pairs), counts[-1])
        self.area_N = np.zeros(self.count + 1, np.int64)
        """The area of each component, px. The area of number 0 is given as 0."""
        np.add.at(self.area_N, self._number_M, np.concatenate(areas))

    def banded(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Yield the rows of each band, label_hW in these rows, and the component of each label."""
        for rows in self._bands:
            yield rows, *self.labeled(rows)

    def labeled(self, rows: slice) -> tuple[np.ndarray, np.ndarray]:
        """Return label_hW in the rows of a band, and the component of each label."""
        label_hW, start = self._labels(rows), self._start[rows.start]
        of_band_M = self._number_M[start : start + int(label_hW.max())]
        return label_hW, np.concatenate([[0], of_band_M])

    def values(self, value_N: np.ndarray, rows: slice) -> np.ndarray:
        """Return value_hW in the rows of a band: for each pixel, the value of its component."""
        label_hW, part_M = self.labeled(rows)
        return value_N[part_M].take(label_hW)

    def _labels(self, rows: slice) -> np.ndarray:
        # Most images are a single band, which is not labeled twice.
        if self._last is None or self._last[0] != rows:
            image_hW = np.ascontiguousarray(self._class_of(rows)).view(np.uint8)
            label_hW = cv2.connectedComponents(image_hW, connectivity=self._connectivity)[1]
            self._last = rows, label_hW
        return self._last[1]

    def _over_all(self, label_W: np.ndarray, counts: list[int]) -> np.ndarray:
        """Return the labels of a row, numbered over all bands."""
        return np.where(label_W > 0, label_W.astype(np.int64) + counts[-1], 0)

    def _touching(self, above_W: np.ndarray, below_W: np.ndarray) -> np.ndarray:
        """Return the pairs of labels that touch each other between two rows."""
        shifts = (-1, 0, 1) if self._connectivity == 8 else (0,)
        pairs = []
        for shift in shifts:
            upper_W = above_W[max(0, -shift) : len(above_W) - max(0, shift)]
            lower_W = below_W[max(0, shift) : len(below_W) - max(0, -shift)]
            both_W = (upper_W > 0) & (lower_W > 0)
            pairs.append(np.stack([upper_W[both_W], lower_W[both_W]], axis=1))
        return np.unique(np.concatenate(pairs), axis=0)


def _joined(pairs_P2: np.ndarray, count: int) -> tuple[np.ndarray, int]:
    """Return the component of each label 1, 2, ... of all bands, and the number of components."""
    if not len(pairs_P2):
        return np.arange(1, count + 1), count
    one_P, other_P = pairs_P2.T - 1
    graph = coo_array((np.ones(len(pairs_P2), bool), (one_P, other_P)), shape=(count, count))
    found, number_M = connected_components(graph, directed=False)
    return number_M + 1, found
