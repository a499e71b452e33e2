"""The raw content of a file, before it is interpreted as a picture, class numbers or layers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Stored:
    """The numbers of one file, as stored."""

    reader: str
    """The library that read the file."""
    values: np.ndarray
    """H x W or H x W x C without alpha, not rotated; for a palette, its indices."""
    hidden: int | None = None
    """Number of pixels that are not fully opaque; None without an alpha channel."""
    orientation: int = 1
    """The number of the orientation tag, 1 .. 8."""
    palette: np.ndarray | None = None
    """Colors of the indices, K x 3 or K x 4 (uint8)."""
    stretch: int = 1
    """Factor for an image's values, so that gray values with fewer than eight bits use the range of
    eight bits."""
    lossy: str = ""
    """The compression that changed the numbers, if any."""


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
"""Orientation tag -> function that turns the stored array upright."""


def reason_of(error: Exception) -> str:
    """Return a library's error in one line. Damaged files cause errors of nearly every type."""
    return (str(error) or type(error).__name__).splitlines()[0][:200]


def unreadable(path: Path, reason: str) -> ValueError:
    """Return the error, to be raised, about a file that cannot be read. A reason without a remedy
    gets one."""
    remedy = "" if ";" in reason else "; replace the file"
    return ValueError(f"{path}: unreadable ({reason}){remedy}")


def orientation_of(tag: object) -> int:
    """Return the tag's number; 1 for a tag that is missing or outside 1 .. 8."""
    return tag if isinstance(tag, int) and tag in TURNS else 1


def refuse_special(path: Path) -> None:
    """Raise ValueError for a pipe, a socket or a device, which may have no end."""
    if path.exists() and not path.is_file():
        raise unreadable(path, "not a regular file")


def lossy_webp(content: bytes) -> bool:
    """Return whether a WebP stream is lossy (`VP8 `, where `VP8L` is lossless)."""
    return b"VP8 " in content


def lossy_jpeg2000(content: bytes) -> bool:
    """Return whether a JPEG 2000 stream uses the irreversible wavelet.

    A stream with the reversible wavelet may have been truncated to a size, which cannot be
    detected.
    """
    start = content.find(b"\xff\x4f\xff\x51")  # start of the stream, in JP2's boxes or bare
    style = content.find(b"\xff\x52", start)
    return style < 0 or content[style + 13 : style + 14] != b"\1"
