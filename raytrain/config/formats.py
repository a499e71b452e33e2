"""Data formats: how a competition's images and masks are stored in its folder."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from raytrain.config.annotations import CocoSpec, CvatSpec, LabelmeSpec, SuperviselySpec, YoloSpec
from raytrain.config.base import NamedByDefault, Spec
from raytrain.config.dialects import DialectName, RleSpec
from raytrain.config.image_files import ImageFiles, Unlisted
from raytrain.config.labels import ClassLabelsSpec, LabelsSpec, ThresholdLabelsSpec
from raytrain.config.own import Widened
from raytrain.config.patterns import (
    checked_parts,
    checked_pattern,
    parts_of,
    unknown_parts,
)


class PairedFoldersSpec(ImageFiles):
    """Image and mask files with paths that follow a pattern.

    `{name}` is the name of the sample, and `{split}` the word for its split. A mask may be divided
    into several files: one per object (`{object}` matches anything) or one per class (`{class}`
    matches the name or number of a class). Every pixel that is not 0 (with `labels: {name:
    threshold}`: that is brighter) belongs to the object or class. Several files that `*` matches
    are combined; each is read by `labels`. Overlapping classes (`target: multi_label`) have one
    file each, or are the channels of one file in the order of the classes.
    """

    name: Literal["paired_folders"] = "paired_folders"
    mask: str = "{split}/mask/{name}_mask.png"
    labels: LabelsSpec = ClassLabelsSpec()
    """The meaning of the mask values."""
    unlisted: Unlisted = None

    @field_validator("mask")
    @classmethod
    def _mask_pattern(cls, value: str) -> str:
        return checked_parts(value, ("split", "name", "object", "class"))

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        of_image, of_mask = {*parts_of(self.image)}, {*parts_of(self.mask)}
        problems = unknown_parts("mask", self.mask, of_image | {"object", "class"})
        if not problems and not of_mask & of_image - {"split"}:
            problems.append(
                f"mask: {self.mask!r} does not say to which image a mask belongs; add "
                "a part of image to it, such as {name}"
            )
        by_file = of_mask & {"object", "class"}
        if by_file and not isinstance(self.labels, ClassLabelsSpec | ThresholdLabelsSpec):
            problems.append(
                f"labels: with {{{by_file.pop()}}} in mask, the file says the class; leave labels "
                "out, or set threshold"
            )
        if problems:
            raise ValueError("; ".join(problems))
        return self


class NumpyStacksSpec(Spec):
    """One array of images and one of masks per split, N x H x W (x C): `.npy`, or a TIFF file with
    one page per image.

    A sample is named after its split and row, such as `train_17`. Masks of overlapping classes
    (`target: multi_label`) are N x H x W x classes; every pixel that is not 0 belongs to the class.
    """

    name: Literal["numpy_stacks"] = "numpy_stacks"
    images: str = "{split}images.npy"
    masks: str = "{split}labels.npy"
    labels: LabelsSpec = ClassLabelsSpec()

    @field_validator("images", "masks")
    @classmethod
    def _pattern(cls, value: str) -> str:
        return checked_pattern(value, ("split",), ())


class RleTableSpec(RleSpec, ImageFiles):
    """Image files and a CSV of run-length encoded masks; several rows of an image are combined.

    The table may hold more columns than the dialect, in any order. A class may be a name or a
    number. In `id`, `{name}` is the name of the image.
    """

    name: Literal["rle_table"] = "rle_table"
    image: str = "{split}/{name}.png"
    table: str = "train.csv"
    dialect: DialectName
    unlisted: Unlisted = None


FormatSpec = Annotated[
    PairedFoldersSpec
    | NumpyStacksSpec
    | RleTableSpec
    | CocoSpec
    | LabelmeSpec
    | CvatSpec
    | SuperviselySpec
    | YoloSpec,
    Field(discriminator="name"),
    NamedByDefault("paired_folders"),
    Widened("FORMATS"),
]
