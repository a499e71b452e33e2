"""Supervisely: a JSON file for each image. Its points are pixels, and these pixels belong to the
object."""

from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from raytrain.data.formats.annotated import AnnotatedImage, Drawing, Size, listed_in, size_in
from raytrain.data.outlines import bitmap, flat, placed


def read_supervisely(path: Path) -> AnnotatedImage:
    """Return the image that a Supervisely file describes, with its objects. Raises ValueError when
    it is not a Supervisely file."""
    tree, objects = listed_in(path, "objects", "Supervisely")
    size = tree.get("size")
    size_HW = size_in(size.get("height"), size.get("width")) if isinstance(size, dict) else None
    drawings = [
        Drawing(str(each.get("classTitle")), f"object {number}", partial(_draw, each))
        for number, each in enumerate(objects, 1)
    ]
    return AnnotatedImage(path.name, size_HW, tuple(drawings))


def _draw(shape: dict[str, Any], size_HW: Size) -> np.ndarray:
    kind = shape.get("geometryType")
    if kind == "bitmap":
        inside = _mapping(shape.get("bitmap"))
        left, top = map(int, flat([inside.get("origin") or []]))
        return placed(bitmap(str(inside.get("data"))), left, top, size_HW)
    if kind not in ("polygon", "rectangle"):
        raise ValueError(
            f"a {kind} has no area; draw a polygon, or give its class 0 in "
            "competition.format.classes"
        )
    points = _mapping(shape.get("points"))
    outer = _pixels(points.get("exterior"))
    if len(outer) < 3 if kind == "polygon" else len(outer) != 2:
        raise ValueError(f"a {kind} cannot have {len(outer)} points; correct it")
    canvas_HW = np.zeros(size_HW, np.uint8)
    if kind == "rectangle":
        (left, top), (right, bottom) = outer.min(0), outer.max(0)
        cv2.rectangle(canvas_HW, (int(left), int(top)), (int(right), int(bottom)), 1, -1)
    else:
        cv2.fillPoly(canvas_HW, [outer], 1)
        holes = points.get("interior") or []
        if not isinstance(holes, list):
            raise ValueError("its interior is not a list of holes; write a list of point lists")
        for hole in holes:
            cv2.fillPoly(canvas_HW, [_pixels(hole)], 0)
    return canvas_HW.astype(bool)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _pixels(points: Any) -> np.ndarray:
    """Return points_N2 (int32) of x and y."""
    return np.rint(np.reshape(flat(points or [[]]), (-1, 2))).astype(np.int32)
