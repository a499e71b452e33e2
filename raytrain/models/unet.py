"""The classic U-Net (Ronneberger et al. 2015) with a configurable topology."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from raytrain.config.models import ClassicUNet, UNetBase
from raytrain.models.norm import SoloBatchNorm2d

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": partial(nn.ReLU, inplace=True),
    "leaky_relu": partial(nn.LeakyReLU, inplace=True),
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "hardtanh": partial(nn.Hardtanh, inplace=True),
}
DOWN: dict[str, Callable[[int], nn.Module]] = {
    "max2": lambda width: nn.MaxPool2d(2),
    "max3": lambda width: nn.MaxPool2d(3, 2, padding=1),
    "conv": lambda width: nn.Conv2d(width, width, 3, 2, padding=1),
}


class UNet(nn.Module):
    """Stages of convolutions, joined by downsampling and upsampling, with concatenated skips."""

    def __init__(self, spec: ClassicUNet, channels: int, classes: int):
        super().__init__()
        widths = [spec.width * 2**level for level in range(spec.depth + 1)]
        pairs = list(pairwise(widths))
        kernels = [spec.first_kernel or spec.kernel] + [spec.kernel] * spec.depth
        # The order in which parameters are created determines their initial values.
        self.down = nn.ModuleList(
            conv_stage(inner, outer, kernel, spec, spec.bias)
            for inner, outer, kernel in zip([channels, *widths[:-1]], widths, kernels, strict=True)
        )
        self.up = nn.ModuleList(_up(deep, wide, spec.up) for wide, deep in pairs)
        self.merge = nn.ModuleList(
            conv_stage(2 * wide, wide, spec.kernel, spec, spec.bias) for wide, _ in pairs
        )
        self.dropout = nn.Dropout2d(spec.dropout)
        self.head = nn.Conv2d(widths[0], classes, 1)
        self.shrink = nn.ModuleList(DOWN[spec.down](wide) for wide, _ in pairs)

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """Return logits_BKHW for any height and width that can be halved `depth` times."""
        x = self.down[0](image_BCHW)
        skips = []
        for shrink, stage in zip(self.shrink, list(self.down)[1:], strict=True):
            skips.append(x)
            x = stage(shrink(x))
        x = self.dropout(x)
        for up, merge, skip in reversed(list(zip(self.up, self.merge, skips, strict=True))):
            x = merge(torch.cat([skip, like(up(x), skip.shape)], 1))
        return self.head(x)

    def coarse(self) -> list[nn.Module]:
        """Return the decoder's stages below the finest one, finest first."""
        return list(self.merge)[1:]

    def deepest(self) -> tuple[nn.Module, int]:
        """Return the module with the smallest map, and the map's number of channels."""
        return self.down[-1], self.head.in_channels * 2 ** len(self.shrink)


def like(x: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Return x with the height and width of `shape`. Odd sizes gain or lose a row or column in
    downsampling."""
    x = x[:, :, : shape[2], : shape[3]]
    if x.shape[2:] == shape[2:]:
        return x
    lost = (0, shape[3] - x.shape[3], 0, shape[2] - x.shape[2])
    return functional.pad(x, lost, mode="replicate")


def conv_stage(
    inner: int, outer: int, kernel: int, spec: UNetBase, bias: bool, dropout: float = 0.0
) -> nn.Sequential:
    """Return `spec.convs` convolutions. Each is followed by norm, activation and, unless it is 0,
    dropout."""
    layers: list[nn.Module] = []
    for source in [inner] + [outer] * (spec.convs - 1):
        layers.append(nn.Conv2d(source, outer, kernel, padding=kernel // 2, bias=bias))
        layers += [*_norm(spec.norm, outer), ACTIVATIONS[spec.activation]()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers)


def _norm(name: str, width: int) -> list[nn.Module]:
    match name:
        case "batch":
            return [SoloBatchNorm2d(width)]
        case "group":
            return [nn.GroupNorm(max(g for g in (1, 2, 4, 8) if width % g == 0), width)]
        case "instance":
            return [nn.InstanceNorm2d(width, affine=True)]
        case _:
            return []


def _up(deep: int, wide: int, name: str) -> nn.Module:
    match name:
        case "transposed3":
            return nn.ConvTranspose2d(deep, wide, 3, 2, padding=1, output_padding=1)
        case "bilinear":
            return nn.Sequential(
                nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(deep, wide, 1)
            )
        case _:
            return nn.ConvTranspose2d(deep, wide, 2, 2)
