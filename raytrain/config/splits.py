"""Which images are in train, val and test, and which images form a group."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from raytrain.config.base import RISING, NamedByDefault, Spec
from raytrain.config.expression import parse_expression, parse_ranges
from raytrain.config.patterns import checked_parts

DEFAULT_VAL = "val"


class FolderSplitsSpec(Spec):
    """Split -> the folder name or other text that replaces `{split}`; null: there is no such
    split."""

    name: Literal["folders"] = "folders"
    train: str = "train"
    val: str | None = DEFAULT_VAL
    """If this is `val` and there is no folder `val`, there is no val split, and a note says so."""
    test: str | None = "test"
    """Not used with `format.test_image`."""


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
    """Splits from a CSV under competition.data that says train, val or test for each name."""

    name: Literal["table"] = "table"
    file: str
    id: str = "id"
    split: str = "split"
    """Column with the split. `id` is the column with the image's name or file name."""


class ListSplitsSpec(Spec):
    """Splits from text files under competition.data, with one image name (or file name) a line.

    Images that are in no list are not used, and a note gives their number.
    """

    name: Literal["lists"] = "lists"
    train: str
    val: str | None = None
    test: str | None = None


class FractionSplitsSpec(Spec):
    """A share of the groups with masks is the val split. Images without a mask are test images,
    unless `format.test_image` says where the test images are."""

    name: Literal["fraction"] = "fraction"
    val: float = Field(0.2, ge=0, lt=1)
    """The share of the val split; 0: no val split, and the search validates on the first fold."""
    seed: int = Field(0, ge=0)


SplitsSpec = Annotated[
    FolderSplitsSpec | RangeSplitsSpec | TableSplitsSpec | ListSplitsSpec | FractionSplitsSpec,
    Field(discriminator="name"),
    NamedByDefault("folders"),
]


class OwnGroupSpec(Spec):
    """Every image is its own group."""

    name: Literal["own"] = "own"


class StemGroupSpec(Spec):
    """The group is the name without its last number, such as `p1_slice` for `p1_slice07`."""

    name: Literal["stem"] = "stem"


class ExpressionGroupSpec(Spec):
    """The group is the value of an expression over N, the last number in the name."""

    name: Literal["expression"] = "expression"
    value: str

    @field_validator("value")
    @classmethod
    def _parses(cls, value: str) -> str:
        parse_expression(value)
        return value


class EndsGroupSpec(Spec):
    """The groups are sequences of frames. The last frames of the sequences have these numbers, in
    rising order."""

    name: Literal["ends"] = "ends"
    ends: Annotated[tuple[int, ...], RISING] = Field(min_length=1)


class TableGroupSpec(Spec):
    """The group of an image is in a column of a CSV under competition.data, such as the patient."""

    name: Literal["table"] = "table"
    file: str
    id: str = "id"
    group: str = "group"
    """Column with the group. `id` is the column with the image's name or file name."""


class PatternGroupSpec(Spec):
    """The group is the text of the parts in braces of a name, such as `{case}_*`.

    Each part is as short as possible. A part that also occurs in `format.image` is taken from the
    path.
    """

    name: Literal["pattern"] = "pattern"
    value: str

    @field_validator("value")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        if "{name}" in value:
            raise ValueError(f"{value!r}: {{name}} is the whole name; use another word, or *")
        return checked_parts(value, ())


def _as_rule(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return {"name": "pattern" if "{" in value else "expression", "value": value}


_NamedGroupSpec = (
    OwnGroupSpec
    | StemGroupSpec
    | ExpressionGroupSpec
    | EndsGroupSpec
    | TableGroupSpec
    | PatternGroupSpec
)
GroupSpec = Annotated[
    _NamedGroupSpec,
    Field(discriminator="name"),
    BeforeValidator(_as_rule, json_schema_input_type=str | _NamedGroupSpec),
]
