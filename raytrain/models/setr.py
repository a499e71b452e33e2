"""SETR (Zheng et al.: Rethinking Semantic Segmentation from a Sequence-to-Sequence Perspective with
Transformers, CVPR 2021) on the vision transformers of timm."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from raytrain.config.models import SetrSpec
from raytrain.models.padding import Padded
from raytrain.models.smp import check_timm_name

WIDTH = 256


class SETR(nn.Module):
    """A vision transformer whose patches are arranged as a map, and a head that enlarges the
    map."""

    def __init__(self, spec: SetrSpec, channels: int, classes: int):
        import timm

        super().__init__()
        check_timm_name(spec.encoder)
        encoder: Any = timm.create_model(
            spec.encoder.removeprefix("tu-"),
            in_chans=channels,
            num_classes=0,
            global_pool="",
            dynamic_img_size=True,
        )
        self.encoder = encoder
        self.patch: int = encoder.patch_embed.patch_size[0]
        self.prefix: int = encoder.num_prefix_tokens
        inner: int = encoder.num_features
        head = _conv(inner, 1) if spec.head == "naive" else _progressive(inner)
        self.head = nn.Sequential(*head, nn.Conv2d(WIDTH, classes, 1))

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """Return logits_BKHW; height and width must be divisible by the patch size."""
        height, width = image_BCHW.shape[2:]
        # Without pooling and classes, timm's model returns its tokens.
        token_BNC = self.encoder(image_BCHW)[:, self.prefix :]
        grid = (height // self.patch, width // self.patch)
        logits = self.head(token_BNC.transpose(1, 2).unflatten(2, grid))
        return functional.interpolate(logits, (height, width), mode="bilinear")


def build_setr(spec: SetrSpec, channels: int, classes: int) -> nn.Module:
    """Build a SETR with random weights. Raises ValueError when timm has no such transformer."""
    network = SETR(spec, channels, classes)
    return Padded(network, network.patch)


def _progressive(inner: int) -> list[nn.Module]:
    """Return four steps of a convolution and an enlargement by two."""
    parts: list[nn.Module] = []
    for source in (inner, WIDTH, WIDTH, WIDTH):
        parts += [*_conv(source, 3), nn.Upsample(scale_factor=2, mode="bilinear")]
    return parts


def _conv(inner: int, kernel: int) -> list[nn.Module]:
    conv = nn.Conv2d(inner, WIDTH, kernel, padding=kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(WIDTH), nn.ReLU(inplace=True)]
