"""One competition: where its data stands and in which form, its classes, groups and submission."""

import itertools
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from raytrain.config.base import Spec
from raytrain.config.errors import unknown_name
from raytrain.config.expression import parse_expression, parse_ranges

PLACEHOLDERS = ("split", "name", "object", "class")


class ClassLabelsSpec(Spec):
    """Mask values are class numbers."""

    name: Literal["classes"] = "classes"


class ThresholdLabelsSpec(Spec):
    """Two classes: what is brighter than `above` is class 1."""

    name: Literal["threshold"] = "threshold"
    above: int = Field(127, ge=0)


class ValueLabelsSpec(Spec):
    """Each mask value's class, such as `{0: 0, 85: 1, 170: 2}`; other values are refused."""

    name: Literal["values"] = "values"
    classes: dict[int, int] = Field(min_length=1)


LabelsSpec = Annotated[
    ClassLabelsSpec | ThresholdLabelsSpec | ValueLabelsSpec, Field(discriminator="name")
]


def _checked_pattern(value: str, allowed: tuple[str, ...], needed: tuple[str, ...]) -> str:
    for part in value.split("{")[1:]:
        field = part.split("}")[0]
        if field not in allowed:
            raise ValueError(f"{value!r}: {unknown_name('{' + field + '}', _braced(allowed))}")
    lacking = [field for field in _braced(needed) if field not in value]
    if lacking:
        raise ValueError(f"a pattern needs {' and '.join(lacking)} (got {value!r})")
    if value.startswith(("/", "./", "../")) or "/../" in value:
        raise ValueError(f"write the pattern relative to competition.data (got {value!r})")
    return value


def _braced(names: tuple[str, ...]) -> list[str]:
    return [f"{{{name}}}" for name in names]


class PairedFoldersSpec(Spec):
    """Image and mask files whose paths follow a pattern.

    `{name}` is the sample, `{split}` the word of its split. A mask may be cut into several files:
    one an object (`{object}` stands for anything) or one a class (`{class}` stands for a class's
    name or number); all that is not 0 belongs to the object or class.
    """

    name: Literal["paired_folders"] = "paired_folders"
    image: str = "{split}/image/{name}.png"
    mask: str = "{split}/mask/{name}_mask.png"
    labels: LabelsSpec = ClassLabelsSpec()
    """What the values of a mask mean."""

    @field_validator("image")
    @classmethod
    def _image_pattern(cls, value: str) -> str:
        return _checked_pattern(value, ("split", "name"), ("name",))

    @field_validator("mask")
    @classmethod
    def _mask_pattern(cls, value: str) -> str:
        return _checked_pattern(value, PLACEHOLDERS, ("name",))


class NumpyStacksSpec(Spec):
    """One array of images and one of masks a split, `.npy`, N x H x W (x C).

    A sample is called after its split and row, such as `train_17`.
    """

    name: Literal["numpy_stacks"] = "numpy_stacks"
    images: str = "{split}images.npy"
    masks: str = "{split}labels.npy"
    labels: LabelsSpec = ClassLabelsSpec()

    @field_validator("images", "masks")
    @classmethod
    def _pattern(cls, value: str) -> str:
        return _checked_pattern(value, ("split",), ())


class RleTableSpec(Spec):
    """Image files beside a CSV of run-length encoded masks; several rows of an image add up."""

    name: Literal["rle_table"] = "rle_table"
    image: str = "{split}/{name}.png"
    table: str = "train.csv"
    id: str = "{name}"
    """How an id reads: `{name}`, or with the class, such as `{name}_{class}`."""
    columns: tuple[str, str] = ("id", "rle")
    """The columns of id and encoding."""
    class_column: str | None = None
    """The column of the class's name or number, where the id does not hold it."""
    encoding: Literal["column_major_1"] = "column_major_1"
    """A dialect of `rle/`."""
    empty: tuple[str, ...] = ("", "-", "-1")
    """What stands for no pixel."""

    @field_validator("image")
    @classmethod
    def _image_pattern(cls, value: str) -> str:
        return _checked_pattern(value, ("split", "name"), ("name",))

    @field_validator("id")
    @classmethod
    def _id_pattern(cls, value: str) -> str:
        return _checked_pattern(value, ("name", "class"), ("name",))


FormatSpec = Annotated[
    PairedFoldersSpec | NumpyStacksSpec | RleTableSpec, Field(discriminator="name")
]


class FolderSplitsSpec(Spec):
    """What `{split}` reads for each split; null: there is no such split."""

    name: Literal["folders"] = "folders"
    train: str = "train"
    val: str | None = "val"
    test: str | None = "test"


class RangeSplitsSpec(Spec):
    """Splits by the number N in a name, such as `1-428` or `1-20, 31-40`."""

    name: Literal["ranges"] = "ranges"
    train: str
    val: str | None = None
    test: str | None = None

    @field_validator("train", "val", "test")
    @classmethod
    def _parses(cls, value: str | None) -> str | None:
        if value is not None:
            parse_ranges(value)
        return value


class TableSplitsSpec(Spec):
    """Splits by a CSV under competition.data that says train, val or test for each name."""

    name: Literal["table"] = "table"
    file: str
    id: str = "id"
    split: str = "split"
    """The columns of name and split."""


class FractionSplitsSpec(Spec):
    """A share of the groups that have masks validates; images without a mask are the test."""

    name: Literal["fraction"] = "fraction"
    val: float = Field(0.2, gt=0, lt=1)
    seed: int = Field(0, ge=0)


SplitsSpec = Annotated[
    FolderSplitsSpec | RangeSplitsSpec | TableSplitsSpec | FractionSplitsSpec,
    Field(discriminator="name"),
]


class OwnGroupSpec(Spec):
    """Every image is a group of its own."""

    name: Literal["own"] = "own"


class ExpressionGroupSpec(Spec):
    """The value of an expression over N, the last number in the name."""

    name: Literal["expression"] = "expression"
    value: str

    @field_validator("value")
    @classmethod
    def _parses(cls, value: str) -> str:
        parse_expression(value)
        return value


class EndsGroupSpec(Spec):
    """Sequences of frames that end at these numbers, in rising order."""

    name: Literal["ends"] = "ends"
    ends: tuple[int, ...] = Field(min_length=1)

    @field_validator("ends")
    @classmethod
    def _rise(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(b <= a for a, b in itertools.pairwise(value)):
            raise ValueError(f"write the ends in rising order (got {list(value)})")
        return value


class TableGroupSpec(Spec):
    """A column of a CSV under competition.data, such as the patient."""

    name: Literal["table"] = "table"
    file: str
    id: str = "id"
    group: str = "group"
    """The columns of name and group."""


def _as_expression(value: Any) -> Any:
    return {"name": "expression", "value": value} if isinstance(value, str) else value


_NamedGroupSpec = OwnGroupSpec | ExpressionGroupSpec | EndsGroupSpec | TableGroupSpec
GroupSpec = Annotated[
    _NamedGroupSpec,
    Field(discriminator="name"),
    BeforeValidator(_as_expression, json_schema_input_type=str | _NamedGroupSpec),
]


class SubmissionSpec(Spec):
    """How masks become the CSV, and whether it is sent."""

    slug: str | None = None
    """The competition's name in its Kaggle address; needed only to send."""
    encoding: Literal["column_major_1"] = "column_major_1"
    """A dialect of `rle/`."""
    columns: tuple[str, str] = ("id", "encoding")
    id: str = "{name}_mask{class}"
    """Row id for an image and a class number."""
    sample: str | None = None
    """Path of the sample submission that rows and order are held against."""
    send: bool = False
    """`run` sends the file only when this is true and credentials exist."""


class CompetitionSpec(Spec):
    """A competition's folder and rules."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Folder name under the storage, too."""
    data: str
    """The competition's folder, a .zip file, or an address such as s3://bucket/folder."""
    format: FormatSpec = PairedFoldersSpec()
    splits: SplitsSpec = FolderSplitsSpec()
    """Without a val split, the search validates on the first fold."""
    classes: tuple[str, ...] = Field(min_length=2, max_length=255)
    """Names for the mask values 0, 1, 2, ...; 0 is the background."""
    group: GroupSpec = OwnGroupSpec()
    """Images of one group (a patient, a video) belong together in folds: an expression such as
    (N+1)//2 over the number in the name, `{name: ends, ends: [...]}` or `{name: table, ...}`."""
    neighbours: tuple[str, ...] = ()
    """Expressions for the frames that an image's channels are taken from, such as [N-1, N, N+1];
    a frame that is missing, or of another split or group, is replaced by the image itself."""
    accept_leaks: str | None = None
    """Why near duplicates in train and val are no mistake; without a reason they are refused."""
    metric: Literal["dice"] = "dice"
    """Mean over images and foreground classes; an absent class that is not predicted scores 1."""
    submission: SubmissionSpec = SubmissionSpec()

    @field_validator("format", "splits", mode="before")
    @classmethod
    def _default_name(cls, value: Any, info: ValidationInfo) -> Any:
        """`{image: ...}` means the default format."""
        if isinstance(value, dict) and "name" not in value:
            return {"name": cls.model_fields[str(info.field_name)].default.name, **value}
        return value

    @field_validator("neighbours")
    @classmethod
    def _parse(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            parse_expression(text)
        return value
