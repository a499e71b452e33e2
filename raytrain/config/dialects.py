"""CSV dialects of competitions: run-length encodings and the rows that hold them."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from raytrain.config.base import Spec
from raytrain.config.errors import unknown_name
from raytrain.config.patterns import checked_pattern

SIZE_COLUMNS = ("height", "width")


class Dialect(Spec):
    """How a CSV encodes one mask, and which rows it has for an image."""

    columns: tuple[str, ...] = Field(("id", "rle"), min_length=2)
    """The header. The first column is the id and the last one is the encoding. Between them,
    `class_column` and the image's `height` and `width` are allowed."""
    id: str = "{name}"
    """The pattern of the id. With `{class}` in it, or with a `class_column`, every foreground class
    has its own rows. Otherwise a row encodes all pixels that are not background."""
    class_column: str | None = None
    """The column that holds the class, if the id does not contain the class."""
    class_as: Literal["number", "name"] = "number"
    row: Literal["mask", "object", "objects"] = "mask"
    """What one row holds. `mask`: the whole mask. `object`: one object, which is a set of pixels
    that touch by side or corner; a mask without objects is one empty row. `objects`: all objects,
    one after the other."""
    prefix: str = ""
    """Text before every object in a row of all `objects`, such as a class and a confidence."""
    layout: Literal["pairs", "coco", "coco_zlib"] = "pairs"
    """`pairs`: `start length` pairs. `coco`: COCO's compressed counts. `coco_zlib`: COCO's
    compressed counts, packed by zlib and base64."""
    order: Literal["column", "row"] = "column"
    """Whether pixels are counted down the columns or along the rows."""
    first: Literal[0, 1] = 1
    """The number from which pixels are counted."""
    starts: Literal["absolute", "relative"] = "absolute"
    """`absolute`: each start counts from the first pixel. `relative`: each start counts from the
    end of the previous run."""
    empty: str = ""
    """The text of an empty mask. A blank cell also means an empty mask."""
    overlaps: Literal["allowed", "refused"] = "allowed"
    """Whether two rows of the same image may contain the same pixel."""

    @field_validator("id")
    @classmethod
    def _id_pattern(cls, value: str) -> str:
        return checked_pattern(value, ("name", "class"), ("name",))

    @property
    def by_class(self) -> bool:
        """Whether each row names a class."""
        return self.class_column is not None or "{class}" in self.id

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        between = self.columns[1:-1]
        if len(set(self.columns)) < len(self.columns):
            raise ValueError(f"columns: list each name only once (got {[*self.columns]})")
        if self.class_column is not None and self.class_column not in between:
            raise ValueError(
                f"class_column: {self.class_column!r} is not between the id and the encoding in "
                f"columns {[*self.columns]}; name one that is, or null"
            )
        if self.class_column is not None and "{class}" in self.id:
            raise ValueError("the class is in id and in class_column; choose one of them")
        for column in between:
            if column not in (self.class_column, *SIZE_COLUMNS):
                raise ValueError(
                    "columns: only class_column, height and width may be between the id and the "
                    f"encoding (got {column!r})"
                )
        coco = self.layout != "pairs"
        if coco and (self.order, self.first, self.starts) != ("column", 1, "absolute"):
            raise ValueError(
                f"order, first and starts: layout {self.layout} does not use them; leave them out"
            )
        if self.row == "objects" and not coco:
            raise ValueError(
                "row: objects puts all objects of an image into one cell; it needs layout coco or "
                "coco_zlib, because a mask in pairs contains spaces"
            )
        if self.prefix and self.row != "objects":
            raise ValueError("prefix: it needs row: objects; leave prefix out")
        return self


DIALECTS: dict[str, Dialect] = {
    "cardiac": Dialect(columns=("id", "encoding"), id="{name}_mask{class}"),
    "lasc": Dialect(),
    "carvana": Dialect(columns=("img", "rle_mask"), id="{name}.jpg", order="row"),
    "tgs_salt": Dialect(columns=("id", "rle_mask")),
    "dsb_2018": Dialect(columns=("ImageId", "EncodedPixels"), row="object", overlaps="refused"),
    "airbus": Dialect(
        columns=("ImageId", "EncodedPixels"), id="{name}.jpg", row="object", overlaps="refused"
    ),
    "siim_acr": Dialect(
        columns=("ImageId", "EncodedPixels"), row="object", first=0, starts="relative", empty="-1"
    ),
    "severstal": Dialect(columns=("ImageId_ClassId", "EncodedPixels"), id="{name}.jpg_{class}"),
    "clouds": Dialect(
        columns=("Image_Label", "EncodedPixels"), id="{name}.jpg_{class}", class_as="name"
    ),
    "hubmap_2021": Dialect(columns=("id", "predicted")),
    "sartorius": Dialect(
        columns=("id", "predicted"), row="object", order="row", overlaps="refused"
    ),
    # The competition's page says down the columns, but its training table runs along the rows.
    "uw_madison": Dialect(
        columns=("id", "class", "predicted"), class_column="class", class_as="name", order="row"
    ),
    "hubmap_hpa_2022": Dialect(),
    "vesuvius": Dialect(columns=("Id", "Predicted"), order="row"),
    "contrails": Dialect(columns=("record_id", "encoded_pixels"), empty="-"),
    "sennet": Dialect(order="row", empty="1 0"),
    # Only one class, number 0, is scored, without confidences: every object gets 1.0.
    "hubmap_2023": Dialect(
        columns=("id", "height", "width", "prediction_string"),
        row="objects",
        prefix="0 1.0",
        layout="coco_zlib",
    ),
}
"""Dialects, each by the name of its competition. A new dialect is one entry here."""


def _known(name: str) -> str:
    if name not in DIALECTS:
        raise ValueError(unknown_name(name, DIALECTS))
    return name


DialectName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [*DIALECTS]})]


class RleSpec(Dialect):
    """The name of a dialect. Every other field that is given replaces the dialect's own value."""

    dialect: DialectName = "cardiac"

    @model_validator(mode="before")
    @classmethod
    def _filled_in(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        name = value.get("dialect", cls.model_fields["dialect"].default)
        known = isinstance(name, str) and name in DIALECTS
        return {**DIALECTS[name].model_dump(), **value} if known else value
