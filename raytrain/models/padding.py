"""Padding of images to a size that suits the network, and cropping of the network's maps."""

import torch
from torch import nn
from torch.nn import functional


class Padded(nn.Module):
    """A network whose input is padded, at the right and the bottom, to a multiple of the network's
    stride.

    The border pixels are repeated, so that no edge appears where the image ends. The maps are
    cropped to the image's own size.
    """

    def __init__(self, network: nn.Module, multiple: int):
        super().__init__()
        self.network = network
        self.multiple = multiple

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """Return logits_BKHW for any height and width."""
        height, width = image_BCHW.shape[2:]
        below, right = -height % self.multiple, -width % self.multiple
        if below or right:
            image_BCHW = functional.pad(image_BCHW, (0, right, 0, below), mode="replicate")
        return self.network(image_BCHW)[:, :, :height, :width]

    @property
    def encoder(self) -> nn.Module:
        """The network's encoder, into which pretrained weights are loaded."""
        encoder = self.network.encoder
        assert isinstance(encoder, nn.Module)
        return encoder
