"""The segmenter of Ning et al. (Toward automatic phenotyping of developing embryos from videos,
IEEE Transactions on Image Processing, 2005), as in source system C; not tuned."""

import torch
from torch import nn
from torch.nn import functional

from raytrain.config.models import NingSpec
from raytrain.models.padding import Padded

MARGIN = 18
"""Number of pixels by which the 40 px receptive field extends, on each side, beyond the 4x4 cell
that it labels."""


class Ning(nn.Module):
    """Three convolutions and two subsampling steps. Every 4x4 cell has one label. Training compares
    it with the most common label of the cell (`engine/training_loss.py`)."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 6, 7),
            nn.Tanh(),
            nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 6),
            nn.Tanh(),
            nn.AvgPool2d(2),
            nn.Conv2d(16, 40, 6),
            nn.Tanh(),
            nn.Conv2d(40, classes, 1),
        )

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """Return logits_BKHW, equal within each 4x4 cell; height and width are multiples of 4."""
        x = functional.pad(image_BCHW, (MARGIN,) * 4, mode="replicate")
        return functional.interpolate(self.layers(x), scale_factor=float(NingSpec.cell))


def build_ning(spec: NingSpec, channels: int, classes: int) -> nn.Module:
    """Build Ning's network with random weights."""
    return Padded(Ning(channels, classes), spec.cell)
