"""Losses, one file a family. A loss is a weighted sum of named terms, in float32 on logits.

Shape suffixes: B images, K classes, H x W pixels.
"""

from collections.abc import Callable
from typing import Any

import torch

from raytrain.config.losses import LossTerm
from raytrain.losses.cross_entropy import build_cross_entropy
from raytrain.losses.dice import build_dice, build_soft_dice

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(logits_BKHW float32, target_BHW int64) -> scalar."""

LOSSES: dict[str, Callable[[Any], Loss]] = {
    "cross_entropy": build_cross_entropy,
    "dice": build_dice,
    "soft_dice": build_soft_dice,
}


def build_loss(terms: tuple[LossTerm, ...]) -> Loss:
    """The weighted sum of the terms."""
    parts = [(term.weight, LOSSES[term.name](term)) for term in terms]

    def loss(logits_BKHW: torch.Tensor, target_BHW: torch.Tensor) -> torch.Tensor:
        return torch.stack([weight * part(logits_BKHW, target_BHW) for weight, part in parts]).sum()

    return loss
