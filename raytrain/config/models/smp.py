"""The networks of segmentation-models-pytorch."""

from typing import Literal

from pydantic import field_validator

from raytrain.config.base import Spec
from raytrain.config.errors import unknown_name
from raytrain.config.names import SMP_DECODERS, SMP_ENCODERS


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
