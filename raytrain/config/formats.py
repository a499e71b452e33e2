"""Data formats: how a competition's images and masks are stored in its folder."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from raytrain.config.base import Spec, named_by_default
from raytrain.config.dialects import DialectName, RleSpec
from raytrain.config.own import Widened
from raytrain.config.patterns import checked_pattern

PLACEHOLDERS = ("split", "name", "object", "class")


class ClassLabelsSpec(Spec):
    """Mask values are class numbers."""

    name: Literal["classes"] = "classes"
    ignore: tuple[int, ...] = ()
    """Mask values of unlabeled pixels. Losses and metrics skip these pixels."""


class ThresholdLabelsSpec(Spec):
    """Two classes: pixels brighter than `above` are class 1."""

    name: Literal["threshold"] = "threshold"
    above: int = Field(127, ge=0)


class ValueLabelsSpec(Spec):
    """A class for each mask value, such as `{0: 0, 85: 1, 170: 2}`; other values are refused."""

    name: Literal["values"] = "values"
    classes: dict[int, int] = Field(min_length=1)
    ignore: tuple[int, ...] = ()
    """Mask values of unlabeled pixels. Losses and metrics skip these pixels."""


LabelsSpec = Annotated[
    ClassLabelsSpec | ThresholdLabelsSpec | ValueLabelsSpec,
    Field(discriminator="name"),
    named_by_default("classes"),
]


class PairedFoldersSpec(Spec):
    """Image and mask files with paths that follow a pattern.

    `{name}` is the name of the sample, and `{split}` the word for its split. A mask may be divided
    into several files: one per object (`{object}` matches anything) or one per class (`{class}`
    matches the name or number of a class). Every pixel that is not 0 belongs to the object or
    class. Overlapping classes (`target: multi_label`) have one file each, or are the channels of
    one file in the order of the classes. There, too, every pixel that is not 0 belongs to the
    class.
    """

    name: Literal["paired_folders"] = "paired_folders"
    image: str = "{split}/image/{name}.png"
    mask: str = "{split}/mask/{name}_mask.png"
    labels: LabelsSpec = ClassLabelsSpec()
    """The meaning of the mask values."""

    @field_validator("image")
    @classmethod
    def _image_pattern(cls, value: str) -> str:
        return checked_pattern(value, ("split", "name"), ("name",))

    @field_validator("mask")
    @classmethod
    def _mask_pattern(cls, value: str) -> str:
        return checked_pattern(value, PLACEHOLDERS, ("name",))


class NumpyStacksSpec(Spec):
    """One `.npy` array of images and one of masks per split, N x H x W (x C).

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


class RleTableSpec(RleSpec):
    """Image files and a CSV of run-length encoded masks; several rows of an image are combined.

    The table may hold more columns than the dialect, in any order. A class may be a name or a
    number.
    """

    name: Literal["rle_table"] = "rle_table"
    image: str = "{split}/{name}.png"
    table: str = "train.csv"
    dialect: DialectName
    unlisted: Literal["empty", "unlabelled"] | None = None
    """How an image without a row is treated, except test images. `empty`: its mask is all
    background. `unlabelled`: it is not used for training. null: it is refused."""

    @field_validator("image")
    @classmethod
    def _image_pattern(cls, value: str) -> str:
        return checked_pattern(value, ("split", "name"), ("name",))


FormatSpec = Annotated[
    PairedFoldersSpec | NumpyStacksSpec | RleTableSpec,
    Field(discriminator="name"),
    named_by_default("paired_folders"),
    Widened("FORMATS"),
]
