"""Supervisely: a JSON file for each image, whose points are pixels that belong to the object."""

from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from raytrain.config.annotations import SuperviselySpec
from raytrain.config.target import Target
from raytrain.data.formats.annotated import (
    Drawing,
    Listed,
    Size,
    index_file_per_image,
    json_in,
    size_in,
)
from raytrain.data.formats.painting import painted
from raytrain.data.index import Index
from raytrain.data.outlines import bitmap, flat, placed


def index_supervisely(spec: SuperviselySpec, splits: object, root: Path) -> Index:
    """Return the images that the pattern matches, each with its file."""
    return index_file_per_image(spec, splits, root)


def read_supervisely_mask(
    spec: SuperviselySpec, root: Path, parts: tuple[str, ...], size_HW: Size,
    classes: tuple[str, ...], target: Target,
) -> np.ndarray:  # fmt: skip
    """Return mask_HW of the objects in the file of an image."""
    (address,) = parts
    listed = None if address.endswith("#") else _read(root / address)
    return painted(spec, str(root / address), listed, size_HW, classes, target)


def _read(path: Path) -> Listed:
    tree = json_in(path)
    objects = tree.get("objects") if isinstance(tree, dict) else None
    if not isinstance(objects, list) or not all(isinstance(each, dict) for each in objects):
        raise ValueError(f"{path}: not a Supervisely file: it has no list of objects")
    size = tree.get("size")
    size_HW = size_in(size.get("height"), size.get("width")) if isinstance(size, dict) else None
    drawings = [
        Drawing(str(each.get("classTitle")), f"object {number}", partial(_draw, each))
        for number, each in enumerate(objects, 1)
    ]
    return Listed(path.name, size_HW, tuple(drawings))


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
        raise ValueError(f"a {kind} of {len(outer)} points; correct it")
    canvas_HW = np.zeros(size_HW, np.uint8)
    if kind == "rectangle":
        (left, top), (right, bottom) = outer.min(0), outer.max(0)
        cv2.rectangle(canvas_HW, (int(left), int(top)), (int(right), int(bottom)), 1, -1)
    else:
        cv2.fillPoly(canvas_HW, [outer], 1)
        holes = points.get("interior") or []
        if not isinstance(holes, list):
            raise ValueError("its interior is no list of outlines")
        for hole in holes:
            cv2.fillPoly(canvas_HW, [_pixels(hole)], 0)
    return canvas_HW.astype(bool)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _pixels(points: Any) -> np.ndarray:
    """Return points_N2 (int32), x and y."""
    return np.rint(np.reshape(flat(points or [[]]), (-1, 2))).astype(np.int32)
