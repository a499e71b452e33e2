"""YOLO segmentation: a text file for each image, with the class and the outline of an object a
line. Outlines are drawn as those of COCO."""

from functools import partial
from pathlib import Path

import numpy as np

from raytrain.config.annotations import YoloSpec
from raytrain.config.target import Target
from raytrain.data.formats.annotated import AnnotatedImage, Drawing, Size
from raytrain.data.formats.painting import painted
from raytrain.data.outlines import polygons

BOX = 5
"""Numbers in a line with a box alone: the class, the center, width and height."""
ROUNDED = 0.01
"""How far beyond the image a coordinate may be by rounding, as a share of its width or height."""


def read_yolo_mask(
    spec: YoloSpec, root: Path, parts: tuple[str, ...], size_HW: Size, classes: tuple[str, ...],
    target: Target,
) -> np.ndarray:  # fmt: skip
    """Return mask_HW of the objects in an image's text file. Raises ValueError that names the file
    and each wrong line."""
    (address,) = parts
    path = root / address
    listed = None if address.endswith("#") else read_yolo(path, spec.names)
    return painted(spec, str(path), listed, size_HW, classes, target)


def read_yolo(path: Path, names: tuple[str, ...]) -> AnnotatedImage:
    """Return the image that a YOLO file describes, with its objects; `names` are the names of the
    classes by number. Raises ValueError when it is not a YOLO file."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path}: cannot be read as text in UTF-8 ({error}); export it again"
        ) from None
    drawings = []
    for number, line in enumerate(lines, 1):
        word, *numbers = line.split() or [""]
        if not word:
            continue
        if not word.isdecimal() or int(word) >= len(names):
            raise ValueError(
                f"{path}: line {number}: its class {word!r} is no number from 0 to "
                f"{len(names) - 1}; correct it, or add its name to competition.format.names"
            )
        name = f"line {number}"
        drawings.append(Drawing(names[int(word)], name, partial(_draw, numbers)))
    return AnnotatedImage(path.name, None, tuple(drawings))


def _draw(words: list[str], size_HW: Size) -> np.ndarray:
    """Return the bool mask (H, W) of a polygon x1 y1 x2 y2 ..., in shares of width and height.
    Raises ValueError for a box, and for words that are no such shares."""
    if len(words) == BOX - 1:
        raise ValueError("a box alone is no mask; write the object's outline, or remove the line")
    try:
        shares = np.array([float(word) for word in words])
    except ValueError:
        raise ValueError("its coordinates are no numbers; correct them") from None
    if not ((shares >= -ROUNDED) & (shares <= 1 + ROUNDED)).all():
        raise ValueError(
            "its coordinates are not from 0 to 1; write shares of the image's width and height"
        )
    height, width = size_HW
    scaled = shares.clip(0, 1)
    scaled[0::2] *= width
    scaled[1::2] *= height
    return polygons([scaled.tolist()], size_HW)
