"""Padding to what a network can divide, and cropping its maps back."""

import torch
from torch import nn
from torch.nn import functional


class Padded(nn.Module):
    """A network behind padding, right and below, to a multiple of its stride.

    The border is repeated, so that no edge appears where the image ends; the maps are cropped
    back to the image's own size.
    """

    def __init__(self, network: nn.Module, multiple: int):
        super().__init__()
        self.network = network
        self.multiple = multiple

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """logits_BKHW for any height and width."""
        height, width = image_BCHW.shape[2:]
        below, right = -height % self.multiple, -width % self.multiple
        if below or right:
            image_BCHW = functional.pad(image_BCHW, (0, right, 0, below), mode="replicate")
        return self.network(image_BCHW)[:, :, :height, :width]

    @property
    def encoder(self) -> nn.Module:
        """The network's encoder, where pretrained weights go."""
        encoder = self.network.encoder
        assert isinstance(encoder, nn.Module)
        return encoder
