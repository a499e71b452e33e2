"""EffUNet (Baheti et al.: Eff-UNet, CVPR Workshops 2020), as in source system B: a U-Net decoder on
EfficientNet, with the image itself as an additional input."""

import torch
from torch import nn

from raytrain.config.models import EffUNetSpec
from raytrain.models.padding import Padded
from raytrain.models.stages import Encoded

WIDTHS = (256, 128, 64, 32, 16)


class EffUNet(Encoded):
    """smp's U-Net with one additional skip: the image is concatenated at full resolution."""

    def __init__(self, spec: EffUNetSpec, channels: int, classes: int):
        from segmentation_models_pytorch.base import SegmentationHead
        from segmentation_models_pytorch.base.initialization import (
            initialize_decoder,
            initialize_head,
        )
        from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
        from segmentation_models_pytorch.encoders import get_encoder

        super().__init__()
        self.encoder = get_encoder(spec.encoder, in_channels=channels, weights=None)
        # The decoder drops its first map, so the image is passed twice.
        self.decoder = UnetDecoder((channels, *self.encoder.out_channels), WIDTHS, len(WIDTHS))
        self.head = SegmentationHead(WIDTHS[-1], classes)
        initialize_decoder(self.decoder)
        initialize_head(self.head)

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """Return logits_BKHW; height and width must be divisible by 32."""
        return self.head(self.decoder([image_BCHW, *self.encoder(image_BCHW)]))

    def coarse(self) -> list[nn.Module]:
        """Return the decoder's stages below the finest one, finest first."""
        return list(self.decoder.blocks)[-2::-1]


def build_effunet(spec: EffUNetSpec, channels: int, classes: int) -> nn.Module:
    """Build an EffUNet with random weights."""
    return Padded(EffUNet(spec, channels, classes), 32)
