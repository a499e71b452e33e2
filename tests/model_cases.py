"""Networks for tests: one small spec of each architecture, and what is asked of all."""

import torch
from torch import nn

from raytrain.config.models import (
    AlexNetSpec,
    DeepLabSpec,
    EffUNetSpec,
    FcnSpec,
    ModelSpec,
    NingSpec,
    PixelsBoostingSpec,
    PixelsForestSpec,
    PixelsLogisticSpec,
    SegNetSpec,
    SetrSpec,
    SmpSpec,
    UNetASpec,
    UNetCSpec,
    UNetSpec,
)
from raytrain.models import ARCHITECTURES, build_model
from raytrain.models.norm import with_solo_norms

SMALL: dict[str, ModelSpec] = {
    "unet": UNetSpec(),
    "unet_a": UNetASpec(width=4),
    "unet_c": UNetCSpec(width=4),
    "smp": SmpSpec(),
    "deeplab": DeepLabSpec(encoder="mobilenet_v2"),
    "fcn": FcnSpec(width=16, encoder="vgg11"),
    "segnet": SegNetSpec(encoder="vgg11_bn"),
    "effunet": EffUNetSpec(encoder="efficientnet-b0"),
    "setr": SetrSpec(encoder="tu-vit_tiny_patch16_224"),
    "ning": NingSpec(),
    "alexnet": AlexNetSpec(width=16),
}
_SCALES = (1.0, 2.0)
PIXELS: dict[str, ModelSpec] = {
    "pixels_logistic": PixelsLogisticSpec(scales=_SCALES, pixels=300),
    "pixels_forest": PixelsForestSpec(scales=_SCALES, pixels=300, trees=6, leaves=32, depth=6),
    "pixels_boosting": PixelsBoostingSpec(
        scales=_SCALES, pixels=300, rounds=6, leaves=8, depth=4, bins=16
    ),
}
"""What is fitted instead of trained (tests/unit/test_pixels.py)."""
SYSTEMS: list[ModelSpec] = [
    SmpSpec(decoder="deeplabv3plus", encoder="resnet101", output_stride=16),
    SmpSpec(decoder="deeplabv3plus", encoder="mobilenet_v2"),
    SmpSpec(decoder="deeplabv3plus", encoder="tu-xception65"),
    SmpSpec(decoder="deeplabv3plus", encoder="drn_d_54"),
    *(
        DeepLabSpec(encoder=encoder)
        for encoder in ("resnet101", "drn_d_54", "mobilenet_v2", "tu-xception65")
    ),
    SmpSpec(decoder="upernet", encoder="tu-swin_tiny_patch4_window7_224"),
    SmpSpec(decoder="segformer", encoder="mit_b0"),
    SmpSpec(decoder="dpt", encoder="tu-vit_small_patch16_224"),
    UNetASpec(),
    UNetCSpec(),
    *(FcnSpec(stride=stride) for stride in (32, 16, 8)),
    SegNetSpec(),
    EffUNetSpec(),
    *(SetrSpec(head=head) for head in ("naive", "progressive")),
    NingSpec(),
    AlexNetSpec(),
]
"""The networks that the source systems trained, at their full size, and their kin."""


def label(spec: ModelSpec) -> str:
    return spec.label


def built(spec: ModelSpec, channels: int, classes: int) -> nn.Module:
    torch.manual_seed(0)
    return build_model(spec, channels, classes, None).eval()


def on_meta(spec: ModelSpec, channels: int, classes: int) -> nn.Module:
    """Without memory, for counting; with the norms that `build_model` gives it."""
    with torch.device("meta"):
        return with_solo_norms(ARCHITECTURES[spec.name](spec, channels, classes))


def count(network: nn.Module) -> int:
    """Its parameters."""
    return sum(value.numel() for value in network.parameters())


def image(channels: int, height: int, width: int) -> torch.Tensor:
    """Two images of noise."""
    return torch.randn(2, channels, height, width, generator=torch.Generator().manual_seed(1))
