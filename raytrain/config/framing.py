"""How images of any size become the network's input."""

from typing import Annotated, Literal

from pydantic import Field

from raytrain.config.base import Spec, named_by_default


class AutoSpec(Spec):
    """`whole` where all images have one size, else `tiles`."""

    name: Literal["auto"] = "auto"


class WholeSpec(Spec):
    """Images as they are, all of one size."""

    name: Literal["whole"] = "whole"


class ResizeSpec(Spec):
    """Every image resized; maps return to its own size, masks keep their values."""

    name: Literal["resize"] = "resize"
    height: int = Field(256, ge=8)
    width: int = Field(256, ge=8)


class PadSpec(Spec):
    """Every image padded by reflection, right and below, to the largest one's size, rounded up
    to a multiple."""

    name: Literal["pad"] = "pad"
    multiple: int = Field(32, ge=1)


class TilesSpec(Spec):
    """Overlapping tiles; where they overlap, maps are averaged with Gaussian weights, as nnU-Net
    does (Isensee et al. 2021)."""

    name: Literal["tiles"] = "tiles"
    height: int = Field(256, ge=8)
    width: int = Field(256, ge=8)
    overlap: float = Field(0.25, ge=0, lt=1)
    """Share of a tile that the next one covers again."""


FramingSpec = Annotated[
    AutoSpec | WholeSpec | ResizeSpec | PadSpec | TilesSpec,
    Field(discriminator="name"),
    named_by_default("whole"),
]
