"""AlexNet (Krizhevsky et al.: ImageNet Classification with Deep Convolutional Neural Networks,
2012) with dense layers that predict the mask, as in source system C; not tuned."""

import torch
from torch import nn
from torch.nn import functional

from raytrain.config.models import AlexNetSpec

GRID = 32


class DenseAlexNet(nn.Module):
    """AlexNet with GRID x GRID outputs per class instead of one. They are enlarged bilinearly."""

    def __init__(self, spec: AlexNetSpec, channels: int, classes: int):
        from torchvision.models import alexnet

        super().__init__()
        network = alexnet()
        self.features, self.pool = network.features, network.avgpool
        if channels != 3:
            self.features[0] = nn.Conv2d(channels, 64, 11, 4, 2)
        self.head = nn.Sequential(
            nn.Dropout(0.5),
            nn.Linear(256 * 6 * 6, spec.width),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(spec.width, spec.width),
            nn.ReLU(inplace=True),
            nn.Linear(spec.width, classes * GRID * GRID),
            nn.Unflatten(1, (classes, GRID, GRID)),
        )

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """Return logits_BKHW for images of at least 63x63 pixels."""
        logits = self.head(self.pool(self.features(image_BCHW)).flatten(1))
        return functional.interpolate(logits, image_BCHW.shape[2:], mode="bilinear")
