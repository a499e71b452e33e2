"""Draw the objects of annotation files. Each object is drawn as the tool that wrote the file draws
it."""

import base64
import binascii
import io
import math
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image
from pycocotools import mask as coco

from raytrain.config.dialects import Dialect
from raytrain.rle import decode
from raytrain.rle.runs import Runs, mask_of

Points = Sequence[Sequence[float]]
"""(x, y) in px from the upper left corner of the image."""
COMPRESSED = Dialect(layout="coco")
"""Rules by which COCO's compressed counts are read."""
FARTHEST = 10**6
"""Largest coordinate, px. The memory for a polygon grows with its border."""
CORNERS = 90
"""Number of corners of the polygon that replaces an ellipse."""


def polygons(outlines: Sequence[Sequence[float]], size_HW: tuple[int, int]) -> np.ndarray:
    """Return the bool mask (H, W) of polygons x1, y1, x2, y2, ..., as pycocotools draws them.

    Raises ValueError for a polygon of fewer than three corners, or with a number that is not
    finite.
    """
    arrays = [_numbers(outline) for outline in outlines]
    for array in arrays:
        if array.ndim != 1 or array.size < 6 or array.size % 2:
            raise ValueError(
                f"a polygon has {array.size} numbers, but needs x and y of at least three corners; "
                "correct or remove it"
            )
    parts = coco.frPyObjects([array.tolist() for array in arrays], *size_HW)
    return decode(coco.merge(parts)["counts"].decode(), size_HW, COMPRESSED)


def flat(points: Points) -> list[float]:
    """Return the points (x, y) as one list x1, y1, x2, y2, ... Raises ValueError for points that
    are no pairs of numbers."""
    array = _numbers(points)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError("its points are no pairs of numbers; correct them")
    return array.ravel().tolist()


def box_corners(left: float, top: float, right: float, bottom: float, degrees: float) -> Points:
    """Return the corners of a box, turned clockwise by `degrees` around its center."""
    x, y, a, b = (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2
    return _turned([(-a, -b), (a, -b), (a, b), (-a, b)], x, y, degrees)


def ellipse_corners(x: float, y: float, a: float, b: float, degrees: float) -> Points:
    """Return corners of an ellipse, turned clockwise by `degrees` around its center."""
    angles = [2 * math.pi * corner / CORNERS for corner in range(CORNERS)]
    return _turned([(a * math.cos(t), b * math.sin(t)) for t in angles], x, y, degrees)


def counted(counts: object, size_HW: tuple[int, int], order: str) -> np.ndarray:
    """Return the bool mask (H, W) of a list of run lengths, background first.

    Raises ValueError when the counts are no whole numbers or do not fill the image.
    """
    whole = np.asarray(counts)
    if whole.dtype.kind not in "iu" or whole.ndim != 1 or (whole < 0).any():
        raise ValueError("its run lengths are not whole numbers from 0 on; correct them")
    height, width = size_HW
    if whole.sum() != height * width:
        raise ValueError(
            f"its run lengths fill {whole.sum()} px, but its mask has {width}x{height} px; correct "
            "them"
        )
    edges = np.cumsum(whole)
    ends = edges[1::2]
    runs = Runs(edges[0::2][: len(ends)], ends)
    return mask_of(runs, size_HW, "row" if order == "row" else "column")


def placed(patch_HW: np.ndarray, left: int, top: int, size_HW: tuple[int, int]) -> np.ndarray:
    """Return a bool mask (H, W) that contains the small mask `patch_HW` with its upper left corner
    at `left` and `top` (px). Raises ValueError if a part of the small mask would be outside."""
    height, width = patch_HW.shape
    if min(left, top) < 0 or left + width > size_HW[1] or top + height > size_HW[0]:
        raise ValueError(
            f"its bitmap of {width}x{height} px at x {left}, y {top} leaves the image of "
            f"{size_HW[1]}x{size_HW[0]} px; correct its origin"
        )
    mask_HW = np.zeros(size_HW, bool)
    mask_HW[top : top + height, left : left + width] = patch_HW
    return mask_HW


def bitmap(text: str) -> np.ndarray:
    """Return the bool mask (h, w) of a PNG in base64, packed by zlib or not.

    A pixel is on if it is not 0; with an alpha channel, if it is not transparent. Raises ValueError
    for other text.
    """
    try:
        content = base64.b64decode(text, validate=True)
        if not content.startswith(b"\x89PNG"):
            content = zlib.decompress(content)
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            array = np.asarray(image)
            alpha = "A" in image.getbands() or "transparency" in image.info
            if alpha:
                array = np.asarray(image.convert("RGBA"))[..., 3]
    except (binascii.Error, zlib.error, OSError, SyntaxError) as error:
        raise ValueError(f"its bitmap is no PNG in base64: {error}; export it again") from None
    return np.asarray(array.reshape(*array.shape[:2], -1).any(2))


def _numbers(values: object) -> np.ndarray:
    """Return the numbers as an array (float64). Raises ValueError for other values, and for numbers
    far outside any image."""
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("its points are no pairs of numbers; correct them") from None
    if not (np.abs(array) < FARTHEST).all():
        raise ValueError(
            f"its coordinates are not finite, or are beyond {FARTHEST} px; correct them"
        )
    return array


def _turned(points: Points, x: float, y: float, degrees: float) -> Points:
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    return [(x + cos * dx - sin * dy, y + sin * dx + cos * dy) for dx, dy in points]
