"""Every decoder and encoder of segmentation-models-pytorch (Iakubovskii 2019)."""

import math
from typing import Any

from torch import nn

from raytrain.config.errors import unknown_name
from raytrain.config.models import DeepLabSpec, SmpSpec
from raytrain.config.models.smp import DEEPLABS
from raytrain.models.padding import Padded

ATROUS_RATES = {8: (12, 24, 36), 16: (6, 12, 18)}
"""DeepLab's dilation rates at each output stride (Chen et al. 2018). smp uses the first ones for
both strides."""

DRN_DECODERS = ("deeplabv3", "deeplabv3plus", "pspnet", "segformer", "unet", "upernet")
"""Decoders that do not require each map to be half the size of the previous one."""


def build_smp(spec: SmpSpec, channels: int, classes: int) -> nn.Module:
    """Build the network with random weights. Raises ValueError when smp refuses the combination."""
    network = smp_network(spec, channels, classes, None)
    if not network.requires_divisible_input_shape and not spec.encoder.startswith("tu-"):
        return network
    stride = network.encoder.output_stride
    # DPT halves the grid of patches once more.
    return Padded(network, math.lcm(stride, 32) if spec.decoder == "dpt" else stride)


def smp_network(spec: SmpSpec, channels: int, classes: int, weights: str | bool | None) -> Any:
    """Return the network of smp without padding. `weights` are the encoder's pretrained weights, as
    smp's `get_encoder` takes them; None: random weights. Raises ValueError for a decoder that does
    not fit the encoder, and for an unknown encoder."""
    import segmentation_models_pytorch

    if spec.encoder == "drn_d_54":
        if spec.decoder not in DRN_DECODERS:
            takers = ", ".join(DRN_DECODERS)
            raise ValueError(
                "drn_d_54 has maps at strides 2, 4, 8, 8, 8, for which decoder must be one of "
                f"{takers}"
            )
        with_drn()
    if spec.encoder.startswith("tu-"):
        check_timm_name(spec.encoder)
    return segmentation_models_pytorch.create_model(
        spec.decoder,
        spec.encoder,
        encoder_weights=weights,
        in_channels=channels,
        classes=classes,
        **_dilation(spec),
        **_any_size(spec),
    )


def with_drn() -> None:
    """Add drn_d_54 to the encoders that smp can build."""
    from segmentation_models_pytorch.encoders import encoders

    from raytrain.models.drn import DRN_D_54

    encoders.setdefault("drn_d_54", DRN_D_54)


def dilated_stride(spec: SmpSpec | DeepLabSpec) -> int:
    """Return the output stride of DeepLab's encoder, 8 or 16: the spec's or the default."""
    wide = spec.encoder == "drn_d_54" or getattr(spec, "decoder", None) == "deeplabv3"
    return spec.output_stride or (8 if wide else 16)


def check_timm_name(encoder: str) -> None:
    """Raise ValueError, with the nearest name, when timm has no such encoder."""
    import timm

    name = encoder.removeprefix("tu-").split(".")[0]
    if not timm.is_model(name):
        raise ValueError(f"timm's encoders: {unknown_name(name, timm.list_models())}")


def _dilation(spec: SmpSpec) -> dict[str, Any]:
    if spec.decoder not in DEEPLABS:
        return {}
    stride = dilated_stride(spec)
    return {"encoder_output_stride": stride, "decoder_atrous_rates": ATROUS_RATES[stride]}


def _any_size(spec: SmpSpec) -> dict[str, Any]:
    """Return arguments that let a transformer of timm accept sizes other than its training size."""
    if spec.decoder == "dpt":
        return {"dynamic_img_size": True}
    if spec.encoder.startswith("tu-swin"):
        return {"strict_img_size": False}
    return {}
