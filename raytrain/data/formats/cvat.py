"""CVAT for images: one XML file of images and their objects."""

import math
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from raytrain.data.formats.annotated import AnnotatedImage, Drawing, Size
from raytrain.data.outlines import box_corners, counted, ellipse_corners, flat, placed, polygons

Element = ElementTree.Element


def read_cvat(path: Path) -> dict[str, AnnotatedImage]:
    """Return the images that a CVAT file lists, with their objects, by their positions in the file.
    Raises ValueError that names the file's first problem."""
    try:
        top = ElementTree.parse(path).getroot()
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file; correct competition.format.file") from None
    except (OSError, ElementTree.ParseError) as error:
        raise ValueError(f"{path}: cannot be read as XML ({error}); export it again") from None
    images = top.findall("image")
    if top.tag != "annotations" or (not images and top.find("track") is not None):
        raise ValueError(
            f'{path}: not a file of "CVAT for images" (its root element is <{top.tag}>); '
            "export the task in that format"
        )
    listed: dict[str, AnnotatedImage] = {}
    for number, image in enumerate(images):
        name = image.get("name")
        if not name:
            raise ValueError(f"{path}: image {number} has no name; add it")
        try:
            listed[str(number)] = AnnotatedImage(name, _size(image), _drawings(image))
        except ValueError as error:
            raise ValueError(f"{path}: image {name!r}: z_order: {error}") from None
    return listed


def _drawings(image: Element) -> tuple[Drawing, ...]:
    """Return the objects from back to front. A <tag> is ignored, because it is about the whole
    image."""
    objects = [(number, each) for number, each in enumerate(image, 1) if each.tag != "tag"]
    objects.sort(key=lambda item: _whole(item[1].get("z_order") or "0"))
    place = image.get("name")
    return tuple(
        Drawing(each.get("label") or "", f"{place}: {each.tag} {number}", partial(_draw, each))
        for number, each in objects
    )


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is no whole number; write one") from None


def _size(image: Element) -> Size | None:
    height, width = image.get("height") or "", image.get("width") or ""
    return (int(height), int(width)) if height.isdecimal() and width.isdecimal() else None


def _draw(shape: Element, size_HW: Size) -> np.ndarray:
    if shape.tag not in DRAWN:
        raise ValueError(
            f"a {shape.tag} cannot become a mask; draw a polygon, or give its class 0 in "
            "competition.format.classes"
        )
    return DRAWN[shape.tag](shape, size_HW)


def _polygon(shape: Element, size_HW: Size) -> np.ndarray:
    pairs = [pair.split(",") for pair in (shape.get("points") or "").split(";")]
    try:
        return polygons([flat(pairs)], size_HW)  # type: ignore[arg-type]
    except ValueError:
        raise ValueError(
            "its points are not three or more pairs of numbers, such as 1,2;30,2;30,40; correct "
            "them"
        ) from None


def _box(shape: Element, size_HW: Size) -> np.ndarray:
    corners = box_corners(*_numbers(shape, "xtl", "ytl", "xbr", "ybr"), _angle(shape))
    return polygons([flat(corners)], size_HW)


def _ellipse(shape: Element, size_HW: Size) -> np.ndarray:
    corners = ellipse_corners(*_numbers(shape, "cx", "cy", "rx", "ry"), _angle(shape))
    return polygons([flat(corners)], size_HW)


def _mask(shape: Element, size_HW: Size) -> np.ndarray:
    left, top, width, height = map(int, _numbers(shape, "left", "top", "width", "height"))
    counts = [_whole(text) for text in (shape.get("rle") or "").split(",")]
    return placed(counted(counts, (height, width), "row"), left, top, size_HW)


def _numbers(shape: Element, *names: str) -> tuple[float, float, float, float]:
    a, b, c, d = (_number(shape, name) for name in names)
    return a, b, c, d


def _angle(shape: Element) -> float:
    return _number(shape, "rotation") if shape.get("rotation") else 0.0


def _number(shape: Element, name: str) -> float:
    text = shape.get(name) or ""
    try:
        if math.isfinite(value := float(text)):
            return value
    except ValueError:
        pass
    raise ValueError(f"its {name} is {text!r}; write a number")


DRAWN = {"polygon": _polygon, "box": _box, "ellipse": _ellipse, "mask": _mask}
"""Tag in the XML -> function that draws its object."""
