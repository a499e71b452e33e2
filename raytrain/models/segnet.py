"""SegNet (Badrinarayanan, Kendall, Cipolla: SegNet, TPAMI 2017) on VGG with batch norm."""

import torch
from torch import nn
from torch.nn import functional

from raytrain.config.models import SegNetSpec
from raytrain.models.padding import Padded


class SegNet(nn.Module):
    """VGG and its mirror image. Unpooling returns each value to the position from which it was
    pooled."""

    def __init__(self, spec: SegNetSpec, channels: int, classes: int):
        from segmentation_models_pytorch.encoders import get_encoder

        super().__init__()
        self.encoder = get_encoder(spec.encoder, in_channels=channels, weights=None)
        stages: list[list[nn.Conv2d]] = [[]]
        for layer in self.encoder.features:
            if isinstance(layer, nn.MaxPool2d):
                stages.append([])
            elif isinstance(layer, nn.Conv2d):
                stages[-1].append(layer)
        first = stages[0].pop(0)
        self.decoder = nn.ModuleList(_mirror(stage) for stage in reversed(stages[:-1]))
        self.head = nn.Conv2d(first.out_channels, classes, 3, padding=1)

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """Return logits_BKHW; height and width must be divisible by 32."""
        x, taken = image_BCHW, []
        for layer in self.encoder.features:
            if isinstance(layer, nn.MaxPool2d):
                x, places = functional.max_pool2d(x, 2, return_indices=True)
                taken.append(places)
            else:
                x = layer(x)
        for stage in self.decoder:
            x = stage(functional.max_unpool2d(x, taken.pop(), [2, 2]))
        return self.head(x)

    def coarse(self) -> list[nn.Module]:
        """Return the decoder's stages below the finest one, finest first."""
        return list(self.decoder)[-2::-1]

    def deepest(self) -> tuple[nn.Module, int]:
        """Return the module with the smallest map, and the map's number of channels."""
        # The last layer is a pooling that `forward` replaces.
        return self.encoder.features[-2], self.encoder.out_channels[-1]


def build_segnet(spec: SegNetSpec, channels: int, classes: int) -> nn.Module:
    """Build a SegNet with random weights."""
    return Padded(SegNet(spec, channels, classes), 32)


def _mirror(stage: list[nn.Conv2d]) -> nn.Sequential:
    """Return the convolutions of a stage in reverse order. In each, inputs and outputs are
    exchanged."""
    layers: list[nn.Module] = []
    for conv in reversed(stage):
        inner, outer = conv.out_channels, conv.in_channels
        layers += [nn.Conv2d(inner, outer, 3, padding=1), nn.BatchNorm2d(outer)]
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)
