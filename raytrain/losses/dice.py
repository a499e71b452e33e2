"""Dice losses on softmax maps: pooled over the batch, or per image with squared denominators.

Milletari et al. 2016 (V-Net) for the form; an empty class that is predicted empty costs nothing.
"""

from collections.abc import Callable

import torch
from torch.nn import functional

from raytrain.config.losses import DiceSpec, SoftDiceSpec

EPSILON = 1e-5
"""Added to both halves of the fraction, in pixels: defines 0/0 as 1."""


def build_dice(spec: DiceSpec) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """1 - mean over classes of 2|PT| / (|P| + |T|), the sums taken over the whole batch.

    Pools the batch, so it differs by nature between one worker and several.
    """
    first = 0 if spec.background else 1

    def loss(logits_BKHW: torch.Tensor, target_BHW: torch.Tensor) -> torch.Tensor:
        prob, truth = _maps(logits_BKHW, target_BHW)
        over = (0, 2, 3)
        shared_K, total_K = (prob * truth).sum(over), prob.sum(over) + truth.sum(over)
        dice_K = (2 * shared_K + EPSILON) / (total_K + EPSILON)
        return 1 - dice_K[first:].mean()

    return loss


def build_soft_dice(spec: SoftDiceSpec) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """1 - mean over images and classes of 2|PT| / (|P^2| + |T^2|)."""
    first = 0 if spec.background else 1

    def loss(logits_BKHW: torch.Tensor, target_BHW: torch.Tensor) -> torch.Tensor:
        prob, truth = _maps(logits_BKHW, target_BHW)
        over = (2, 3)
        shared_BK = (prob * truth).sum(over)
        total_BK = (prob * prob).sum(over) + truth.sum(over)
        dice_BK = (2 * shared_BK + EPSILON) / (total_BK + EPSILON)
        return 1 - dice_BK[:, first:].mean()

    return loss


def _maps(logits_BKHW: torch.Tensor, target_BHW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Softmax maps and one-hot truth, both BxKxHxW float32."""
    truth = functional.one_hot(target_BHW, logits_BKHW.shape[1]).permute(0, 3, 1, 2)
    return logits_BKHW.softmax(1), truth.to(logits_BKHW.dtype)
