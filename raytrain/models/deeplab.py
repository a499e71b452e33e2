"""DeepLabV3+ (Chen et al.: Encoder-Decoder with Atrous Separable Convolution, ECCV 2018) with plain
3x3 convolutions, as in source system B; smp's has separable ones."""

import torch
from torch import nn
from torch.nn import functional

from raytrain.config.models import DeepLabSpec
from raytrain.models.smp import ATROUS_RATES, dilated_stride, with_drn
from raytrain.models.stages import Encoded

WIDTH, LOW_WIDTH = 256, 48
LOW_LEVEL = 2
"""Index of the encoder's map with stride 4."""


class DeepLab(Encoded):
    """An atrous pyramid on the encoder's deepest map, joined with the encoder's map at stride 4."""

    def __init__(self, spec: DeepLabSpec, channels: int, classes: int):
        from segmentation_models_pytorch.encoders import get_encoder

        super().__init__()
        stride = dilated_stride(spec)
        self.encoder = get_encoder(
            spec.encoder, in_channels=channels, weights=None, output_stride=stride
        )
        inner = self.encoder.out_channels[-1]
        self.pyramid = nn.ModuleList(
            [
                _conv(inner, WIDTH, 1),
                *(_conv(inner, WIDTH, 3, rate) for rate in ATROUS_RATES[stride]),
            ]
        )
        self.pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), _conv(inner, WIDTH, 1))
        self.join = nn.Sequential(_conv((len(self.pyramid) + 1) * WIDTH, WIDTH, 1), nn.Dropout(0.5))
        self.low = _conv(self.encoder.out_channels[LOW_LEVEL], LOW_WIDTH, 1)
        self.decoder = nn.Sequential(
            _conv(WIDTH + LOW_WIDTH, WIDTH, 3),
            nn.Dropout(0.5),
            _conv(WIDTH, WIDTH, 3),
            nn.Dropout(0.1),
            nn.Conv2d(WIDTH, classes, 1),
        )

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """Return logits_BKHW for any height and width."""
        maps = self.encoder(image_BCHW)
        low, deep = self.low(maps[LOW_LEVEL]), maps[-1]
        branches = [branch(deep) for branch in self.pyramid]
        branches.append(self.pooled(deep).expand_as(branches[0]))
        x = functional.interpolate(
            self.join(torch.cat(branches, 1)), low.shape[2:], mode="bilinear"
        )
        logits = self.decoder(torch.cat([x, low], 1))
        return functional.interpolate(logits, image_BCHW.shape[2:], mode="bilinear")


def build_deeplab(spec: DeepLabSpec, channels: int, classes: int) -> nn.Module:
    """Build a DeepLabV3+ with random weights."""
    with_drn()
    return DeepLab(spec, channels, classes)


def _conv(inner: int, outer: int, kernel: int, rate: int = 1) -> nn.Sequential:
    padding = kernel // 2 * rate
    conv = nn.Conv2d(inner, outer, kernel, padding=padding, dilation=rate, bias=False)
    nn.init.kaiming_normal_(conv.weight)
    return nn.Sequential(conv, nn.BatchNorm2d(outer), nn.ReLU(inplace=True))
