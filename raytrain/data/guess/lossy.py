"""The few colors that were meant in masks whose colors are not exact, as those of JPEG files."""

from collections.abc import Mapping

import numpy as np

from raytrain.data.nearest import color_channels

FLAT, NEAR, AROUND = 8, 24, 48
"""Differences from a color that was meant, in levels. Compression changes flat areas by up to FLAT,
and pixels near their borders by up to NEAR; few pixels differ by up to AROUND."""
LEAST_FLAT, LEAST_APART = 1 / 3, 0.65
"""Smallest shares of flat pixels: of those within NEAR, the ones within FLAT; of those within
AROUND, the ones within NEAR. Around the mixed colors of borders, the shares are smaller."""
MOST_MIXED = 0.2
"""Largest share of all pixels that are near no color that was meant."""
RAREST = 0.0005
"""Smallest share of flat pixels that have a color that was meant."""
PLAIN, PLAIN_LEVELS = 4, (0, 64, 128, 192, 255)
"""Levels that are usual in colors, and the difference up to which a level is taken for one."""
MOST_COLORS = 64


def flat_pixels(plane_HW: np.ndarray) -> dict[int, int]:
    """Return color -> number of its pixels that resemble the pixels to the right and below, from a
    plane of colors (0xRRGGBB)."""
    flat_HW = np.ones((plane_HW.shape[0] - 1, plane_HW.shape[1] - 1), bool)
    for place in (16, 8, 0):
        level_HW = (plane_HW >> place & 255).astype(np.int16)
        for other_HW in (level_HW[1:, :-1], level_HW[:-1, 1:]):
            flat_HW &= np.abs(level_HW[:-1, :-1] - other_HW) <= FLAT
    colors, counts = np.unique(plane_HW[:-1, :-1][flat_HW], return_counts=True)
    return dict(zip(colors.tolist(), counts.tolist(), strict=True))


def colors_meant(pixels: Mapping[int, int], flat: Mapping[int, int]) -> list[int] | None:
    """Return the colors that were meant (0xRRGGBB), the most frequent first, or None if the pixels
    are not near a few colors.

    `pixels` is color -> number of pixels, and `flat` counts only the pixels in flat areas. A color
    that was meant fills flat areas, and most flat pixels around it differ from it by a few levels
    only. Borders have every color between two.
    """
    if not flat:
        return None
    colors_N3, left_N = color_channels(np.array([*flat])), np.array([*flat.values()], np.int64)
    all_M3, counts_M = color_channels(np.array([*pixels])), np.array([*pixels.values()], np.int64)
    flat_N, total, mixed = left_N.copy(), int(left_N.sum()), 0
    near_M = np.zeros(len(all_M3), bool)
    found: list[int] = []
    while len(found) <= MOST_COLORS and mixed <= MOST_MIXED * total:
        color_3 = colors_N3[left_N.argmax()]
        far_N = np.abs(colors_N3 - color_3).max(axis=1)
        if (own := int(left_N[far_N <= NEAR].sum())) < RAREST * total:
            break
        level, close, around = (int(flat_N[far_N <= at].sum()) for at in (FLAT, NEAR, AROUND))
        if level >= LEAST_FLAT * close and close >= LEAST_APART * around:
            found.append(_plain(color_3))
            near_M |= np.abs(all_M3 - color_3).max(axis=1) <= NEAR
        else:
            mixed += own
        left_N[far_N <= NEAR] = 0
    enough = counts_M[~near_M].sum() <= MOST_MIXED * counts_M.sum()
    return found if enough and 1 <= len(found) <= MOST_COLORS else None


def _plain(color_3: np.ndarray) -> int:
    """Return the color (0xRRGGBB), with usual levels for those that are close to them."""
    red, green, blue = (
        next((plain for plain in PLAIN_LEVELS if abs(plain - level) <= PLAIN), level)
        for level in color_3.tolist()
    )
    return red << 16 | green << 8 | blue
