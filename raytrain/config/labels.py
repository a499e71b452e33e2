"""The meaning of the values in mask files."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from raytrain.config.base import NamedByDefault, Spec


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


class ValueLabelsSpec(Spec):
    """A class for each mask value or color, such as `{0: 0, 85: lake}` or `{'#ff0000': scratch}`.

    A class is a name or a number. Values that are not listed are refused. If one of the values is a
    color, the masks are read as colors (palettes, too), and a number is a gray level.
    """

    name: Literal["values"] = "values"
    classes: dict[Value, int | str] = Field(min_length=1)
    ignore: tuple[Value, ...] = ()
    """Mask values or colors of unlabeled pixels. Losses and metrics skip these pixels."""

    @property
    def colored(self) -> bool:
        """Whether the masks are read as colors."""
        return any(isinstance(value, str) for value in (*self.classes, *self.ignore))


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
    ClassLabelsSpec | ThresholdLabelsSpec | ValueLabelsSpec | ColorTableLabelsSpec,
    Field(discriminator="name"),
    NamedByDefault("classes"),
]
