"""Classes by the nearest color, for masks whose colors are not exact, as those of JPEG files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from raytrain.config.target import IGNORE
from raytrain.data.strips import strips

MOST_UNSURE = 0.2
"""Largest share of a mask's pixels that may be far from every listed color."""


def nearest_classes(
    values_HW: np.ndarray, meaning: dict[int, int],
    channels: Callable[[np.ndarray], np.ndarray], source: Path | str,
) -> np.ndarray:  # fmt: skip
    """Return mask_HW (uint8) with the class of the nearest color, and IGNORE for pixels that are
    farther from it than half the way between it and the second nearest color.

    `meaning` is value -> class number, for at least two values. `channels` is `color_channels`, or
    `gray_channel` if the values are gray levels. Raises ValueError that names `source` if too many
    pixels are far from every color.
    """
    colors_CK = channels(np.array([*meaning]))
    numbers_C = np.array([*meaning.values()], np.uint8)
    mask_HW = np.empty(values_HW.shape, np.uint8)
    far: dict[int, int] = {}
    for rows in strips(values_HW):
        found, places, counts = np.unique(values_HW[rows], return_inverse=True, return_counts=True)
        squares_NC = _squares(channels(found), colors_CK)
        nearest_N, second_N = squares_NC.argsort(axis=1)[:, :2].T
        apart_N = ((colors_CK[nearest_N] - colors_CK[second_N]) ** 2).sum(axis=1)
        # Half the way in length is a quarter of the square.
        unsure_N = 4 * squares_NC.min(axis=1) > apart_N
        classes_N = np.where(unsure_N, IGNORE, numbers_C[nearest_N]).astype(np.uint8)
        mask_HW[rows] = classes_N[places].reshape(mask_HW[rows].shape)
        for color, count in zip(found[unsure_N].tolist(), counts[unsure_N].tolist(), strict=True):
            far[color] = far.get(color, 0) + count
    count = sum(far.values())
    if count > MOST_UNSURE * mask_HW.size:
        most = max(far, key=lambda value: far[value])
        word = f"'#{most:06x}'" if channels is color_channels else str(most)
        raise ValueError(
            f"{source}: {count} of {mask_HW.size} px are far from every listed color, most of them "
            f"near {word}; add it to competition.format.labels.classes, or to ignore"
        )
    return mask_HW


def color_channels(colors_N: np.ndarray) -> np.ndarray:
    """Return N x 3 levels (int64) of red, green and blue from colors 0xRRGGBB."""
    whole_N = colors_N.astype(np.int64)
    return np.stack([whole_N >> 16, whole_N >> 8 & 255, whole_N & 255], axis=1)


def gray_channel(levels_N: np.ndarray) -> np.ndarray:
    """Return gray levels as N x 1 (int64)."""
    return levels_N.astype(np.int64)[:, None]


def _squares(one_NK: np.ndarray, other_CK: np.ndarray) -> np.ndarray:
    """Return the squared distance of each color to each other color, N x C (int64)."""
    return ((one_NK[:, None] - other_CK[None]) ** 2).sum(axis=2)
