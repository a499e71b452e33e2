"""The classic U-Net (Ronneberger et al. 2015), as source systems A and B use it."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from raytrain.config.models import UNetSpec


class UNet(nn.Module):
    """Stages of two 3x3 convolutions, joined by max-pooling down and 2x2 transposed
    convolutions up; the skip of each stage is concatenated."""

    def __init__(self, spec: UNetSpec, channels: int, classes: int):
        super().__init__()
        widths = [spec.width * 2**level for level in range(spec.depth + 1)]
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(
            _stage(inner, outer, spec.norm)
            for inner, outer in zip([channels, *widths[:-1]], widths, strict=True)
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(deep, wide, 2, 2) for wide, deep in pairs)
        self.merge = nn.ModuleList(_stage(2 * wide, wide, spec.norm) for wide, _ in pairs)
        self.dropout = nn.Dropout2d(spec.dropout)
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """logits_BKHW; any height and width that survive `depth` halvings."""
        x = self.down[0](image_BCHW)
        skips = []
        for stage in list(self.down)[1:]:
            skips.append(x)
            x = stage(functional.max_pool2d(x, 2))
        x = self.dropout(x)
        for up, merge, skip in reversed(list(zip(self.up, self.merge, skips, strict=True))):
            x = up(x)
            if x.shape[2:] != skip.shape[2:]:
                # Odd sizes lose a row or column in pooling; repeat the border to get it back.
                lost = (0, skip.shape[3] - x.shape[3], 0, skip.shape[2] - x.shape[2])
                x = functional.pad(x, lost, mode="replicate")
            x = merge(torch.cat([skip, x], 1))
        return self.head(x)


def build_unet(spec: UNetSpec, channels: int, classes: int) -> nn.Module:
    """A U-Net with random weights."""
    return UNet(spec, channels, classes)


def _stage(inner: int, outer: int, norm: str) -> nn.Sequential:
    layers: list[nn.Module] = []
    for source in (inner, outer):
        layers += [nn.Conv2d(source, outer, 3, padding=1, bias=False), _norm(norm, outer)]
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def _norm(name: str, width: int) -> nn.Module:
    if name == "batch":
        return nn.BatchNorm2d(width)
    return nn.GroupNorm(max(g for g in (1, 2, 4, 8) if width % g == 0), width)
