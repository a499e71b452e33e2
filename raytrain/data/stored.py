"""What a file stores, before anybody says what it is: a picture, class numbers or layers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One file's numbers, as stored."""

    reader: str
    """The library that read it."""
    values: np.ndarray
    """H x W or H x W x C without alpha, not turned; a palette's indices."""
    hidden: int | None = None
    """Pixels that the alpha channel does not show in full; None without such a channel."""
    orientation: int = 1
    """The number of the orientation tag, 1 .. 8."""
    palette: np.ndarray | None = None
    """Colours of the indices, K x 3 or K x 4 (uint8)."""
    stretch: int = 1
    """What an image's values are multiplied with, so that gray of few bits fills eight."""
    lossy: str = ""
    """The compression that changed the numbers, if one did."""


TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda array: array,
    2: np.fliplr,
    3: lambda array: np.rot90(array, 2),
    4: np.flipud,
    5: lambda array: array.swapaxes(0, 1),
    6: lambda array: np.rot90(array, -1),
    7: lambda array: np.rot90(array.swapaxes(0, 1), 2),
    8: np.rot90,
}
"""From what is stored to what stands upright, by orientation tag."""


def reason_of(error: Exception) -> str:
    """A library's own words in one line. Broken files make them raise nearly every kind."""
    return (str(error) or type(error).__name__).splitlines()[0][:200]


def orientation_of(tag: object) -> int:
    """The tag's number; 1 for one that is missing or outside 1 .. 8."""
    return tag if isinstance(tag, int) and tag in TURNS else 1


def refuse_special(path: Path) -> None:
    """Raises ValueError for a pipe, a socket or a device, which may have no end."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: unreadable (not a regular file)")
