"""In which form a competition's images and masks stand in its folder."""

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
    """Values of pixels that nobody judged: neither loss nor metric sees them."""


class ThresholdLabelsSpec(Spec):
    """Two classes: what is brighter than `above` is class 1."""

    name: Literal["threshold"] = "threshold"
    above: int = Field(127, ge=0)


class ValueLabelsSpec(Spec):
    """Each mask value's class, such as `{0: 0, 85: 1, 170: 2}`; other values are refused."""

    name: Literal["values"] = "values"
    classes: dict[int, int] = Field(min_length=1)
    ignore: tuple[int, ...] = ()
    """Values of pixels that nobody judged: neither loss nor metric sees them."""


LabelsSpec = Annotated[
    ClassLabelsSpec | ThresholdLabelsSpec | ValueLabelsSpec,
    Field(discriminator="name"),
    named_by_default("classes"),
]


class PairedFoldersSpec(Spec):
    """Image and mask files whose paths follow a pattern.

    `{name}` is the sample, `{split}` the word of its split. A mask may be cut into several files:
    one an object (`{object}` stands for anything) or one a class (`{class}` stands for a class's
    name or number); all that is not 0 belongs to the object or class. Overlapping classes
    (`target: multi_label`) stand in files of their own or in the channels of one, in the order of
    the classes; there, too, all that is not 0 belongs to the class.
    """

    name: Literal["paired_folders"] = "paired_folders"
    image: str = "{split}/image/{name}.png"
    mask: str = "{split}/mask/{name}_mask.png"
    labels: LabelsSpec = ClassLabelsSpec()
    """What the values of a mask mean."""

    @field_validator("image")
    @classmethod
    def _image_pattern(cls, value: str) -> str:
        return checked_pattern(value, ("split", "name"), ("name",))

    @field_validator("mask")
    @classmethod
    def _mask_pattern(cls, value: str) -> str:
        return checked_pattern(value, PLACEHOLDERS, ("name",))


class NumpyStacksSpec(Spec):
    """One array of images and one of masks a split, `.npy`, N x H x W (x C).

    A sample is called after its split and row, such as `train_17`. Masks of overlapping classes
    (`target: multi_label`) are N x H x W x classes; all that is not 0 belongs to the class.
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
    """Image files beside a CSV of run-length encoded masks; several rows of an image add up.

    The table may hold more columns than the dialect's, in any order, and a class as name or number.
    """

    name: Literal["rle_table"] = "rle_table"
    image: str = "{split}/{name}.png"
    table: str = "train.csv"
    dialect: DialectName
    unlisted: Literal["empty", "unlabelled"] | None = None
    """What an image without a row is, unless it is a test image: `empty` (its mask is background
    throughout) or `unlabelled` (no training image); null: refused."""

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
