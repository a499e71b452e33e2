"""Architectures and their parameters. The names are the keys of `models.ARCHITECTURES`."""

from typing import Annotated

from pydantic import Field

from raytrain.config.base import named_by_default
from raytrain.config.models.encoders import PretrainedSpec
from raytrain.config.models.others import (
    AlexNetSpec,
    EffUNetSpec,
    FcnSpec,
    NingSpec,
    SegNetSpec,
    SetrSpec,
)
from raytrain.config.models.pixels import (
    PixelsBase,
    PixelsBoostingSpec,
    PixelsForestSpec,
    PixelsLogisticSpec,
)
from raytrain.config.models.smp import SmpSpec
from raytrain.config.models.unet import UNetASpec, UNetBase, UNetCSpec, UNetSpec
from raytrain.config.own import Widened

__all__ = [
    "AlexNetSpec",
    "EffUNetSpec",
    "FcnSpec",
    "ModelSpec",
    "NingSpec",
    "PixelsBase",
    "PixelsBoostingSpec",
    "PixelsForestSpec",
    "PixelsLogisticSpec",
    "PretrainedSpec",
    "SegNetSpec",
    "SetrSpec",
    "SmpSpec",
    "UNetASpec",
    "UNetBase",
    "UNetCSpec",
    "UNetSpec",
]

ModelSpec = Annotated[
    UNetSpec
    | UNetASpec
    | UNetCSpec
    | SmpSpec
    | FcnSpec
    | SegNetSpec
    | EffUNetSpec
    | SetrSpec
    | NingSpec
    | AlexNetSpec
    | PixelsLogisticSpec
    | PixelsForestSpec
    | PixelsBoostingSpec,
    Field(discriminator="name"),
    named_by_default("unet"),
    Widened("MODELS"),
]
