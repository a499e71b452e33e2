"""Architectures and their parameters. The names are the keys of `models.ARCHITECTURES`."""

from typing import Annotated

from pydantic import Field

from raytrain.config.models.smp import SmpSpec
from raytrain.config.models.unet import UNetASpec, UNetBase, UNetCSpec, UNetSpec

__all__ = ["ModelSpec", "SmpSpec", "UNetASpec", "UNetBase", "UNetCSpec", "UNetSpec"]

ModelSpec = Annotated[UNetSpec | UNetASpec | UNetCSpec | SmpSpec, Field(discriminator="name")]
