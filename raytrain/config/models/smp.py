"""The networks of segmentation-models-pytorch."""

from typing import Literal

from pydantic import field_validator, model_validator

from raytrain.config.errors import unknown_name
from raytrain.config.models.encoders import PretrainedSpec
from raytrain.config.names import SMP_DECODERS, SMP_ENCODERS

DEEPLABS = ("deeplabv3", "deeplabv3plus")


class SmpSpec(PretrainedSpec):
    """A decoder and an encoder of segmentation-models-pytorch.

    Encoders are smp's own, any of timm's as `tu-<name>`, and `drn_d_54`. The source systems train:

    - `{name: smp, decoder: deeplabv3plus, encoder: resnet101, output_stride: 16}`, or with
      `mobilenet_v2` or `tu-xception65` (Chen et al. 2018; rates 6, 12, 18 at stride 16 and
      12, 24, 36 at 8)
    - `{name: smp, decoder: deeplabv3plus, encoder: drn_d_54, output_stride: 8}` (Yu et al. 2017)
    - `{name: smp, decoder: upernet, encoder: tu-swin_tiny_patch4_window7_224}` (Liu et al. 2021)
    - `{name: smp, decoder: segformer, encoder: mit_b0}` (Xie et al. 2021)
    - `{name: smp, decoder: dpt, encoder: tu-vit_small_patch16_224}` (Ranftl et al. 2021)
    """

    name: Literal["smp"] = "smp"
    decoder: str = "unet"
    encoder: str = "resnet18"
    output_stride: Literal[8, 16] | None = None
    """Output stride of DeepLab's encoder; `null`: 16, or 8 for deeplabv3 and drn_d_54."""

    @property
    def label(self) -> str:
        """Short name of the network, such as `unet-resnet18`."""
        stride = f"-os{self.output_stride}" if self.output_stride else ""
        return f"{self.decoder}-{self.encoder}{stride}"

    @field_validator("decoder")
    @classmethod
    def _known_decoder(cls, value: str) -> str:
        if value not in SMP_DECODERS:
            raise ValueError(unknown_name(value, SMP_DECODERS))
        return value

    @field_validator("encoder")
    @classmethod
    def _known_encoder(cls, value: str) -> str:
        # timm's names are checked once timm is imported, before the start (models.refusal).
        known = (*SMP_ENCODERS, "drn_d_54")
        if value not in known and not value.startswith("tu-"):
            raise ValueError(unknown_name(value, known))
        return value

    @model_validator(mode="after")
    def _fits(self) -> "SmpSpec":
        if self.output_stride and self.decoder not in DEEPLABS:
            raise ValueError(
                f"output_stride is for {' and '.join(DEEPLABS)}, not {self.decoder}; leave it out"
            )
        if self.decoder == "dpt" and not self.encoder.startswith("tu-"):
            raise ValueError(
                "dpt needs a vision transformer of timm; set encoder to one, such as "
                "tu-vit_small_patch16_224"
            )
        return self
