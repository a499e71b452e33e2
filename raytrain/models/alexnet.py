"""AlexNet (Krizhevsky et al. 2012) with its dense layers as a dense head (FCN-AlexNet of Long et
al. 2015), for source system C's record; not tuned."""

import torch
from torch import nn
from torch.nn import functional
from torchvision.models import alexnet

from raytrain.config.models import AlexNetSpec


class DenseAlexNet(nn.Module):
    """AlexNet's features, its two dense layers at every place, and bilinear enlargement."""

    def __init__(self, spec: AlexNetSpec, channels: int, classes: int):
        super().__init__()
        self.encoder = alexnet().features
        if channels != 3:
            self.encoder[0] = nn.Conv2d(channels, 64, 11, 4, 2)
        self.head = nn.Sequential(
            nn.ZeroPad2d((2, 3, 2, 3)),
            nn.Conv2d(256, spec.width, 6),
            nn.ReLU(inplace=True),
            nn.Dropout2d(0.5),
            nn.Conv2d(spec.width, spec.width, 1),
            nn.ReLU(inplace=True),
            nn.Dropout2d(0.5),
            nn.Conv2d(spec.width, classes, 1),
        )

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """logits_BKHW for images of at least 63x63 pixels."""
        logits = self.head(self.encoder(image_BCHW))
        return functional.interpolate(logits, image_BCHW.shape[2:], mode="bilinear")


def build_alexnet(spec: AlexNetSpec, channels: int, classes: int) -> nn.Module:
    """A dense AlexNet with random weights."""
    return DenseAlexNet(spec, channels, classes)
