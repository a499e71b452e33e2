"""Pixel-wise cross-entropy."""

from collections.abc import Callable
from functools import partial

import torch
from torch.nn import functional

from raytrain.config.losses import CrossEntropySpec


def build_cross_entropy(
    spec: CrossEntropySpec,
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Mean over pixels of -log softmax at the target class, in nats."""
    return partial(functional.cross_entropy, label_smoothing=spec.label_smoothing)
