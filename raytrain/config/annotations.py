"""Formats whose masks are objects in annotation files: outlines, runs and boxes."""

from typing import Literal

from pydantic import field_validator

from raytrain.config.image_files import ImageFiles, Unlisted
from raytrain.config.patterns import checked_parts, checked_pattern


class _Annotations(ImageFiles):
    image: str = "{split}/{name}.jpg"
    classes: dict[str, int | str] = {}
    """Class name or number for the names in the file that are no class names, such as `{car:
    vehicle}`. Objects of the class 0 are not drawn."""
    overlaps: Literal["refused", "last"] = "refused"
    """What happens where objects of two classes overlap, unless `target` is multi_label. `last`:
    the pixel belongs to the later object in the file."""
    unlisted: Unlisted = None


class _OneFile(_Annotations):
    @field_validator("file", check_fields=False)
    @classmethod
    def _file_pattern(cls, value: str) -> str:
        return checked_pattern(value, ("split",), ())


class _FilePerImage(_Annotations):
    @field_validator("file", check_fields=False)
    @classmethod
    def _file_pattern(cls, value: str) -> str:
        return checked_parts(value, ("split", "name"))


class CocoSpec(_OneFile):
    """COCO: one JSON file lists images and objects (polygons, runs, crowds).

    An image that the file lists without an object has an empty mask.
    """

    name: Literal["coco"] = "coco"
    file: str = "annotations/instances_{split}.json"
    """One file, or one for each split."""


class CvatSpec(_OneFile):
    """CVAT for images: one XML file lists images with polygons, masks, boxes and ellipses."""

    name: Literal["cvat"] = "cvat"
    file: str = "annotations.xml"
    """One file, or one for each split."""


class LabelmeSpec(_FilePerImage):
    """LabelMe: a JSON file for each image, with polygons, rectangles, circles and masks."""

    name: Literal["labelme"] = "labelme"
    file: str = "{split}/{name}.json"


class SuperviselySpec(_FilePerImage):
    """Supervisely: a JSON file for each image, with polygons, rectangles and bitmaps."""

    name: Literal["supervisely"] = "supervisely"
    image: str = "{split}/img/{name}.jpg"
    file: str = "{split}/ann/{name}.jpg.json"
