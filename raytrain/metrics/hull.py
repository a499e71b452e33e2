"""The convex hull of a class, and the pixels inside it.

Shape suffixes: C corners, N pixels, H x W pixels, h rows of a band, M of them with the class.
"""

import cv2
import numpy as np

from raytrain.metrics.class_pixels import ClassPixels, bands


def corners(pixels: ClassPixels) -> np.ndarray:
    """Return row and column of the C corners of the convex hull of a class's pixel centers, in
    OpenCV's direction; no corners where the class is absent."""
    ends = []
    for rows in bands(pixels.mask_HW.shape):
        class_hW = pixels.at(rows)
        row_M = np.flatnonzero(class_hW.any(1))
        first_M = class_hW[row_M].argmax(1)
        last_M = class_hW.shape[1] - 1 - class_hW[row_M, ::-1].argmax(1)
        row_M += rows.start
        ends.append(np.stack([np.tile(row_M, 2), np.concatenate([first_M, last_M])], axis=1))
    ends_E2 = np.concatenate(ends).astype(np.int32)
    return cv2.convexHull(ends_E2)[:, 0].astype(np.int64) if len(ends_E2) else ends_E2


def in_hull(inner_hW: np.ndarray, top: int, hull_C2: np.ndarray) -> np.ndarray:
    """Return, as bool, the pixels of a band `inner_hW` that are inside the convex hull with these
    corners (row, column). The first row of the band is row `top` of the image."""
    kept_hW = np.zeros_like(inner_hW)
    if not len(hull_C2):
        return kept_hW
    # The box decides where the hull is a line or a point.
    low, high = hull_C2.min(0), hull_C2.max(0) + 1
    first, last = max(0, low[0] - top), max(0, high[0] - top)
    row_N, column_N = np.nonzero(inner_hW[first:last, low[1] : high[1]])
    row_N, column_N = row_N + first + top, column_N + low[1]
    keep_N = np.ones(len(row_N), bool)
    for (row, column), (to_row, to_column) in zip(
        hull_C2, np.roll(hull_C2, -1, axis=0), strict=True
    ):
        side_N = (to_row - row) * (column_N - column) - (to_column - column) * (row_N - row)
        keep_N &= side_N >= 0
    kept_hW[row_N[keep_N] - top, column_N[keep_N]] = True
    return kept_hW
