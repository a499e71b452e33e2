"""Architectures and their parameters. The names are the keys of `models.ARCHITECTURES`."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from raytrain.config.base import Spec
from raytrain.config.errors import unknown_name
from raytrain.config.names import SMP_DECODERS, SMP_ENCODERS


class UNetSpec(Spec):
    """The classic U-Net (Ronneberger et al. 2015) of source systems A and B."""

    name: Literal["unet"] = "unet"
    width: int = Field(16, ge=1)
    """Channels of the first stage; each deeper stage doubles them."""
    depth: int = Field(4, ge=1, le=6)
    """Down-sampling steps."""
    norm: Literal["batch", "group"] = "batch"
    """`group` gives the same gradients whatever the number of workers."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Channel dropout at the bottleneck."""

    @property
    def label(self) -> str:
        """In short, such as `unet16x4`."""
        return f"unet{self.width}x{self.depth}"


class SmpSpec(Spec):
    """A decoder and an encoder of segmentation-models-pytorch."""

    name: Literal["smp"] = "smp"
    decoder: str = "unet"
    encoder: str = "resnet18"
    weights: str | None = None
    """`null` (random), `imagenet`, or the path of a state-dict file for the encoder."""

    @property
    def label(self) -> str:
        """In short, such as `unet-resnet18`."""
        return f"{self.decoder}-{self.encoder}"

    @field_validator("decoder")
    @classmethod
    def _known_decoder(cls, value: str) -> str:
        if value not in SMP_DECODERS:
            raise ValueError(unknown_name(value, SMP_DECODERS))
        return value

    @field_validator("encoder")
    @classmethod
    def _known_encoder(cls, value: str) -> str:
        if value not in SMP_ENCODERS:
            raise ValueError(unknown_name(value, SMP_ENCODERS))
        return value


ModelSpec = Annotated[UNetSpec | SmpSpec, Field(discriminator="name")]
