"""LabelMe: a JSON file for each image. Objects are drawn as LabelMe itself exports them."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from raytrain.data.formats.annotated import AnnotatedImage, Drawing, Size, listed_in, size_in
from raytrain.data.outlines import bitmap, flat, placed

POINTS = {"rectangle": 2, "circle": 2, "mask": 2}
"""Kind of object -> the number of points that it has."""


def read_labelme(path: Path) -> AnnotatedImage:
    """Return the image that a LabelMe file describes, with its objects. Raises ValueError when it
    is not a LabelMe file."""
    tree, shapes = listed_in(path, "shapes", "LabelMe")
    size_HW = size_in(tree.get("imageHeight"), tree.get("imageWidth"))
    drawings = [
        Drawing(str(each.get("label")), f"shape {number}", partial(_draw, each))
        for number, each in enumerate(shapes, 1)
    ]
    return AnnotatedImage(path.name, size_HW, tuple(drawings))


def _draw(shape: dict[str, Any], size_HW: Size) -> np.ndarray:
    kind, points = str(shape.get("shape_type") or "polygon"), shape.get("points")
    xy = np.reshape(flat(points or [[]]), (-1, 2))
    if kind in ("line", "linestrip", "point", "points"):
        raise ValueError(
            f"a {kind} has no area; draw a polygon, or give its class 0 in "
            "competition.format.classes"
        )
    if kind != "polygon" and kind not in POINTS:
        raise ValueError(f"its shape_type {kind!r} is not known; draw a polygon")
    if kind == "rectangle" and len(xy) == 4:
        kind = "polygon"
    if len(xy) < 3 if kind == "polygon" else len(xy) != POINTS[kind]:
        raise ValueError(f"a {kind} cannot have {len(xy)} points; correct it")
    low, high = xy.min(0).tolist(), xy.max(0).tolist()
    if kind == "mask":
        left, top = (round(value) for value in low)
        return placed(bitmap(str(shape.get("mask"))), left, top, size_HW)
    image = Image.new("1", size_HW[::-1])
    pen = ImageDraw.Draw(image)
    if kind == "rectangle":
        pen.rectangle((*low, *high), fill=1, outline=1)
    elif kind == "circle":
        (x, y), radius = xy[0].tolist(), math.dist(*xy.tolist())
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1, outline=1)
    else:
        pen.polygon([(x, y) for x, y in xy.tolist()], fill=1, outline=1)
    return np.array(image)
