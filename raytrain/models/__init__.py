"""Architectures, one file per family. Each network returns logits_BKHW with the height and width of
its input.

A family imports smp, timm or torchvision only when a network is built, because these imports are
slow.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from raytrain.config.models import ModelSpec
from raytrain.config.own import part_of
from raytrain.models.alexnet import DenseAlexNet
from raytrain.models.deeplab import build_deeplab
from raytrain.models.effunet import build_effunet
from raytrain.models.fcn import build_fcn
from raytrain.models.ning import build_ning
from raytrain.models.norm import with_solo_norms
from raytrain.models.pixels import PixelsBoosting, PixelsForest, PixelsLogistic
from raytrain.models.segnet import build_segnet
from raytrain.models.setr import build_setr
from raytrain.models.smp import build_smp
from raytrain.models.unet import UNet
from raytrain.models.unet_c import UNetC

ARCHITECTURES: dict[str, Callable[[Any, int, int], nn.Module]] = {
    "unet": UNet,
    "unet_a": UNet,
    "unet_c": UNetC,
    "smp": build_smp,
    "deeplab": build_deeplab,
    "fcn": build_fcn,
    "segnet": build_segnet,
    "effunet": build_effunet,
    "setr": build_setr,
    "ning": build_ning,
    "alexnet": DenseAlexNet,
    "pixels_logistic": PixelsLogistic,
    "pixels_forest": PixelsForest,
    "pixels_boosting": PixelsBoosting,
}
"""Name -> function or class that makes the network, with random weights, from the spec, the number
of input channels and the number of classes."""


def build_model(spec: ModelSpec, channels: int, classes: int, weights: Path | None) -> nn.Module:
    """Return the network of a spec. `weights` is a state-dict file for its encoder; None: its
    weights are random."""
    model = _built(spec, channels, classes)
    if weights is not None:
        from raytrain.models.weights import load_encoder

        load_encoder(model, weights)
    return with_solo_norms(model).to(memory_format=torch.channels_last)


def refusal(spec: ModelSpec, channels: int, classes: int, height: int, width: int) -> str | None:
    """Return why this network cannot train on these images, or None. It uses no memory (meta
    tensors).

    One image is tried, because a worker's share of an epoch's last step may be a single image.
    """
    try:
        model = with_solo_norms(without_memory(spec, channels, classes)).train()
        with torch.device("meta"):
            shape = model(torch.empty(1, channels, height, width)).shape
    except Exception as error:  # timm's many encoders raise errors of many types
        reason = str(error).strip() or type(error).__name__
        return (
            f"{spec.label} cannot take {width}x{height} images: {reason}; choose another network "
            "or trial.framing"
        )
    if tuple(shape[2:]) != (height, width):
        return (
            f"{spec.label} gives {shape[3]}x{shape[2]} maps for {width}x{height} images; choose "
            "another network or trial.framing"
        )
    return None


def costs(
    spec: ModelSpec, channels: int, classes: int, sides: tuple[int, ...]
) -> tuple[int, list[int | None]]:
    """Return the number of trained (or fitted) values, and the multiply-adds for one square image
    of each of these sides (px); None if the network refuses the size.

    Convolutions, matrix products and attention are counted, as half of the floating-point
    operations that torch reports. Comparisons in trees are not counted. Raises ValueError when
    there is no such network.
    """
    try:
        model = without_memory(spec, channels, classes).eval()
    except Exception as error:  # timm's many encoders raise errors of many types
        raise ValueError(f"{spec.label}: {error}") from None
    found = [_multiply_adds(model, channels, side) for side in sides]
    return sum(value.numel() for value in model.parameters()), found


def _multiply_adds(model: nn.Module, channels: int, side: int) -> int | None:
    from torch.utils.flop_counter import FlopCounterMode

    try:
        with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
            model(torch.empty(1, channels, side, side))
    except (RuntimeError, ValueError):
        return None
    return counter.get_total_flops() // 2


def without_memory(spec: ModelSpec, channels: int, classes: int) -> nn.Module:
    """Return the network of a spec on torch's meta device: with parts and shapes, but no
    numbers."""
    try:
        with torch.device("meta"):
            return _built(spec, channels, classes)
    except RuntimeError:
        # The mit encoders need real numbers while they are built, which meta tensors lack.
        return _built(spec, channels, classes).to("meta")


def _built(spec: ModelSpec, channels: int, classes: int) -> nn.Module:
    return part_of("MODELS", spec, ARCHITECTURES)(spec, channels, classes)
