"""Formats whose masks are objects in annotation files: outlines, run lengths and boxes."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from raytrain.config.image_files import ImageFiles, Unlisted
from raytrain.config.patterns import checked_parts, checked_pattern, parts_of, unknown_parts


class AnnotationsSpec(ImageFiles):
    """Image files, and annotation files that list objects. A mask is drawn from the objects, in
    their order in the file."""

    image: str = "{split}/{name}.jpg"
    file: str
    classes: dict[str, int | str] = {}
    """Name in the annotation file -> class, as name or number, such as `{car: vehicle}`. It is
    needed for names that `competition.classes` does not contain. Objects of class 0 are not
    drawn."""
    overlaps: Literal["refused", "last"] = "refused"
    """What happens where objects of two classes overlap, unless `target` is multi_label. `last`:
    the pixel belongs to the later object in the file."""
    unlisted: Unlisted = None


class OneFileSpec(AnnotationsSpec):
    """One file lists the objects of all images, or of all images of a split.

    If `file` has `{split}` and `image` does not, an image belongs to the split whose file lists it.
    """

    @field_validator("file")
    @classmethod
    def _file_pattern(cls, value: str) -> str:
        return checked_pattern(value, ("split",), ())


class FilePerImageSpec(AnnotationsSpec):
    """Each image has an annotation file of its own."""

    @field_validator("file")
    @classmethod
    def _file_pattern(cls, value: str) -> str:
        return checked_parts(value, ("split", "name"))

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        problems = unknown_parts("file", self.file, parts_of(self.image))
        if problems:
            raise ValueError("; ".join(problems))
        return self


class CocoSpec(OneFileSpec):
    """COCO: one JSON file lists images and objects (polygons, runs, crowds).

    An image that the file lists without an object has an empty mask.
    """

    name: Literal["coco"] = "coco"
    file: str = "annotations/instances_{split}.json"
    """Path of the annotation file. With `{split}` in it, each split has its own file."""


class CvatSpec(OneFileSpec):
    """CVAT for images: one XML file lists images with polygons, masks, boxes and ellipses."""

    name: Literal["cvat"] = "cvat"
    file: str = "annotations.xml"
    """Path of the annotation file. With `{split}` in it, each split has its own file."""


class LabelmeSpec(FilePerImageSpec):
    """LabelMe: a JSON file for each image, with polygons, rectangles, circles and masks."""

    name: Literal["labelme"] = "labelme"
    file: str = "{split}/{name}.json"


class SuperviselySpec(FilePerImageSpec):
    """Supervisely: a JSON file for each image, with polygons, rectangles and bitmaps."""

    name: Literal["supervisely"] = "supervisely"
    image: str = "{split}/img/{name}.jpg"
    file: str = "{split}/ann/{name}.jpg.json"


class YoloSpec(FilePerImageSpec):
    """YOLO segmentation: a text file for each image, with a line for each polygon: `class x1 y1 x2
    y2 ...`.

    The class is a number from 0 on, and the coordinates are shares of the image's width and height.
    """

    name: Literal["yolo"] = "yolo"
    image: str = "images/{split}/{name}.jpg"
    file: str = "labels/{split}/{name}.txt"
    names: tuple[str, ...] = Field(min_length=1)
    """The names of the classes in the order of their numbers, as in `data.yaml`."""
