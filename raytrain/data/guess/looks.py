"""What a few files of a family look like: pictures, or flat areas as in masks."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np

from raytrain.data.decode import read_stored
from raytrain.data.guess.families import Family
from raytrain.data.guess.lossy import colors_meant, flat_pixels
from raytrain.data.mask_values import GRAY

Item = TypeVar("Item")

LOOKED = 5
"""Number of files of a family that are opened."""
FLAT = 0.85
"""Smallest share of a mask's pixels that are equal to the next pixel in their row and column."""
COUNTED = 0.7
"""Like FLAT, for a mask that counts its objects, which may be many and small."""
MOST_VALUES = 64
"""Largest number of different values in a mask, unless the values count objects."""
NEAR = 12
"""Largest distance, in gray levels, of a lossy mask's values from the two values that were
meant."""

PIXELS, BAND = 2**21, 64
"""Number of pixels of a mask that are compared with a few colors, and the rows of one band of
them."""


@dataclass(frozen=True)
class Look:
    """What the pixels of one image or mask file look like."""

    size_HW: tuple[int, int]
    channels: int
    dtype: str
    lossy: bool
    palette: bool
    flat: bool
    """Whether the file has few values in flat areas, as a mask has."""
    nearly: bool
    """Whether the file would be flat without lossy compression or smoothed edges."""
    constant: bool
    binary: bool
    """Whether the file has at most two values."""


@dataclass(frozen=True)
class Looks:
    """What the files of a family look like."""

    each: tuple[Look, ...]

    @property
    def first(self) -> Look:
        return self.each[0]

    @property
    def telling(self) -> tuple[Look, ...]:
        """The sampled masks with more than one value, or all sampled masks if there is none."""
        return tuple(look for look in self.each if not look.constant) or self.each

    @property
    def flat(self) -> bool:
        return all(look.flat for look in self.telling)

    @property
    def nearly(self) -> bool:
        return all(look.flat or look.nearly for look in self.telling)


def looks_of(root: Path, family: Family) -> Looks | None:
    """Return what some files of a family (files named alike) look like; None if none of them can be
    read."""
    found = [_look(root / each.address) for each in spread(family.members, LOOKED)]
    known = tuple(look for look in found if look is not None)
    return Looks(known) if known else None


def spread(items: Iterable[Item], most: int) -> list[Item]:
    """Return at most `most` of the items, evenly spread over them."""
    every = [*items]
    count = min(most, len(every))
    return [every[place * len(every) // count] for place in range(count)]


@lru_cache(maxsize=4096)
def _look(path: Path) -> Look | None:
    try:
        stored = read_stored(path)
    except ValueError:
        return None  # `check` reads every file and names this one
    values = stored.values
    if values.ndim not in (2, 3) or not values.size:
        return None
    height, width = values.shape[:2]
    if stored.orientation >= 5:
        height, width = width, height
    channels = 1 if values.ndim == 2 else values.shape[2]
    plain = one_plane(values)
    flat, nearly = (
        (plain is not None, False)
        if plain is None
        else (_is_flat(plain), _nearly(plain, is_colored(values)))
    )
    return Look(
        size_HW=(height, width), channels=channels, dtype=str(values.dtype),
        lossy=bool(stored.lossy) or path.suffix.lower() in (".jpg", ".jpeg"),
        palette=stored.palette is not None, flat=flat, nearly=nearly,
        constant=bool((values == values[:1, :1]).all()),
        binary=plain is not None and len(np.unique(plain)) <= 2,
    )  # fmt: skip


def is_colored(values: np.ndarray) -> bool:
    """Return whether the channels of an array H x W (x C) differ."""
    return values.ndim == 3 and bool((values != values[..., :1]).any())


def one_plane(values: np.ndarray) -> np.ndarray | None:
    """Return the values as one plane_HW of whole numbers. A color becomes one number. Returns None
    for fractions, and for more channels than a color has."""
    if values.dtype.kind == "f":
        if not np.isfinite(values).all() or (values != np.floor(values)).any():
            return None
        values = values.astype(np.int64)
    if values.ndim == 2:
        return values.astype(np.int64)
    if (values == values[..., :1]).all():
        return values[..., 0].astype(np.int64)
    if values.shape[2] not in (3, 4) or values.max() > 255 or values.min() < 0:
        return None
    red, green, blue = (values[..., channel].astype(np.int64) for channel in range(3))
    return red << 16 | green << 8 | blue


def _is_flat(plane_HW: np.ndarray) -> bool:
    distinct = np.unique(plane_HW)
    if len(distinct) <= 4:
        return True
    pairs = (plane_HW[1:] == plane_HW[:-1], plane_HW[:, 1:] == plane_HW[:, :-1])
    same = sum(int(pair.sum()) for pair in pairs) / max(1, sum(pair.size for pair in pairs))
    if len(distinct) == int(distinct[-1]) + 1:  # the numbers of objects: 0, 1, ..., n
        return same >= COUNTED
    return same >= FLAT and len(distinct) <= MOST_VALUES


def _nearly(plane_HW: np.ndarray, colored: bool) -> bool:
    """Return whether nearly all gray values are close to one of two values that are far apart, or
    nearly all pixels to one of a few colors."""
    low, high = int(plane_HW.min()), int(plane_HW.max())
    if high > 255 and not colored:
        return False
    close = (plane_HW <= low + NEAR) | (plane_HW >= high - NEAR)
    if not colored and high - low >= 64 and close.mean() >= 0.9:
        return bool((plane_HW <= low + NEAR).any())
    part_HW = _bands(plane_HW)
    colors_HW = part_HW if colored else part_HW * GRAY
    values, counts = np.unique(colors_HW, return_counts=True)
    pixels = dict(zip(values.tolist(), counts.tolist(), strict=True))
    meant = colors_meant(pixels, flat_pixels(colors_HW))
    return meant is not None and len(meant) > 1


def _bands(plane_HW: np.ndarray) -> np.ndarray:
    """Return a plane, or evenly spread bands of its rows if it is large."""
    height, width = plane_HW.shape
    count = max(1, PIXELS // (BAND * width))
    if count * BAND >= height:
        return plane_HW
    starts = np.linspace(0, height - BAND, count).astype(int).tolist()
    return np.concatenate([plane_HW[start : start + BAND] for start in starts])
