"""How images of any size become the input of the network."""

from typing import Annotated, Literal

from pydantic import Field

from raytrain.config.base import NamedByDefault, Spec


class AutoSpec(Spec):
    """`whole` if all images have one size, else `tiles`."""

    name: Literal["auto"] = "auto"


class WholeSpec(Spec):
    """Images are used without changes. All must have one size."""

    name: Literal["whole"] = "whole"


class ResizeSpec(Spec):
    """Every image is resized. Maps are resized back, and masks keep their values."""

    name: Literal["resize"] = "resize"
    height: int = Field(256, ge=8)
    width: int = Field(256, ge=8)


class PadSpec(Spec):
    """Every image is padded by reflection, at the right and the bottom, to the size of the largest
    image, rounded up to a multiple of `multiple` px."""

    name: Literal["pad"] = "pad"
    multiple: int = Field(32, ge=1)


class TilesSpec(Spec):
    """Images are cut into overlapping tiles. Where tiles overlap, maps are averaged with Gaussian
    weights, as in nnU-Net (Isensee et al. 2021)."""

    name: Literal["tiles"] = "tiles"
    height: int = Field(256, ge=8)
    width: int = Field(256, ge=8)
    overlap: float = Field(0.25, ge=0, lt=1)
    """Share of a tile that overlaps with the next tile."""


FramingSpec = Annotated[
    AutoSpec | WholeSpec | ResizeSpec | PadSpec | TilesSpec,
    Field(discriminator="name"),
    NamedByDefault("whole"),
]
