"""Every decoder and encoder of segmentation-models-pytorch (Iakubovskii 2019)."""

import segmentation_models_pytorch
from torch import nn

from raytrain.config.models import SmpSpec


def build_smp(spec: SmpSpec, channels: int, classes: int) -> nn.Module:
    """The pair with random weights. Raises ValueError when smp refuses the pair."""
    return segmentation_models_pytorch.create_model(
        spec.decoder, spec.encoder, encoder_weights=None, in_channels=channels, classes=classes
    )
