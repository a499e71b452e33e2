"""The meaning of the values in mask files."""

import re
from itertools import combinations
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from raytrain.config.base import NamedByDefault, Spec

LEAST_APART = 16
"""Smallest difference of two colors, in levels of red, green or blue, that lossy masks can have."""


def _as_value(value: int | str) -> int | str:
    if isinstance(value, int) or re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        return value.lower() if isinstance(value, str) else value
    if value.isdecimal():  # keys of JSON are texts
        return int(value)
    raise ValueError(
        f"{value!r} is no mask value; write a number, or a color such as '#ff0000' in quotes"
    )


Value = Annotated[int | str, AfterValidator(_as_value)]
"""A mask value: a number, or a color as red, green and blue in hexadecimal digits."""


class ClassLabelsSpec(Spec):
    """Mask values are class numbers."""

    name: Literal["classes"] = "classes"
    ignore: tuple[int, ...] = ()
    """Mask values of unlabeled pixels. Losses and metrics skip these pixels."""


class ThresholdLabelsSpec(Spec):
    """Two classes: pixels brighter than `above` are class 1. The masks may be JPEG files."""

    name: Literal["threshold"] = "threshold"
    above: int = Field(127, ge=0)


class ListedLabelsSpec(Spec):
    """A class for each mask value or color."""

    classes: dict[Value, int | str] = Field(min_length=1)
    ignore: tuple[Value, ...] = ()
    """Mask values or colors of unlabeled pixels. Losses and metrics skip these pixels."""

    @property
    def colored(self) -> bool:
        """Whether the masks are read as colors."""
        return any(isinstance(value, str) for value in (*self.classes, *self.ignore))


class ValueLabelsSpec(ListedLabelsSpec):
    """A class for each mask value or color, such as `{0: 0, 85: lake}` or `{'#ff0000': scratch}`.

    A class is a name or a number. Values that are not listed are refused. If one of the values is a
    color, the masks are read as colors (palettes, too), and a number is a gray level.
    """

    name: Literal["values"] = "values"


class NearestLabelsSpec(ListedLabelsSpec):
    """Like `values`, for masks that lossy compression or smoothed edges have changed, such as JPEG
    files: a pixel has the class of the nearest value or color.

    A pixel is unlabeled if it is farther from that color than half the way between it and the
    second nearest. `raytrain check` counts these pixels, and refuses a mask with too many of them.
    """

    name: Literal["nearest"] = "nearest"
    classes: dict[Value, int | str] = Field(min_length=2)

    @model_validator(mode="after")
    def _colors_are_apart(self) -> Self:
        levels = {value: _levels(value) for value in (*self.classes, *self.ignore)}
        for (one, first), (other, second) in combinations(levels.items(), 2):
            if max(abs(a - b) for a, b in zip(first, second, strict=True)) < LEAST_APART:
                raise ValueError(
                    f"{one!r} and {other!r} differ by less than {LEAST_APART} levels, so "
                    "compression mixes them; list one of them, or use the original masks as PNG "
                    "with the labels `values`"
                )
        return self


def _levels(value: int | str) -> tuple[int, int, int]:
    """Return red, green and blue of a mask value; a number is a gray level."""
    if isinstance(value, int):
        return value, value, value
    red, green, blue = bytes.fromhex(value[1:])
    return red, green, blue


class ColorTableLabelsSpec(Spec):
    """A color for each class. The colors are in a CSV under competition.data, such as
    `class_dict.csv`."""

    name: Literal["color_table"] = "color_table"
    file: str = "class_dict.csv"
    columns: tuple[str, str, str, str] = ("name", "r", "g", "b")
    """The columns of the class's name, and of red, green and blue (0 .. 255)."""
    ignore: tuple[str, ...] = ()
    """Names in the table that mean unlabeled pixels. Losses and metrics skip these pixels."""


LabelsSpec = Annotated[
    ClassLabelsSpec
    | ThresholdLabelsSpec
    | ValueLabelsSpec
    | NearestLabelsSpec
    | ColorTableLabelsSpec,
    Field(discriminator="name"),
    NamedByDefault("classes"),
]
