"""Losses, one file per family. A loss is a weighted sum of named terms, in float32 on logits.

Shape suffixes: B images, K channels of the logits, H x W pixels.
"""

from collections.abc import Callable
from typing import Any

import torch

from raytrain.config.losses import LossTerm
from raytrain.config.own import part_of
from raytrain.config.target import Target
from raytrain.losses.binary import build_bce, build_bce_with_logits
from raytrain.losses.boundary import build_boundary
from raytrain.losses.cross_entropy import build_cross_entropy, build_topk_cross_entropy
from raytrain.losses.focal import build_focal
from raytrain.losses.judged import Judged
from raytrain.losses.lovasz import build_lovasz
from raytrain.losses.overlap import (
    build_dice,
    build_focal_tversky,
    build_generalised_dice,
    build_jaccard,
    build_soft_dice,
    build_tversky,
)
from raytrain.losses.setting import Setting, Term

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Function (logits_BKHW, mask_BHW int64 as in `config/target.py`) -> scalar loss."""

LOSSES: dict[str, Callable[[Any, Setting], Term]] = {
    "cross_entropy": build_cross_entropy,
    "topk_cross_entropy": build_topk_cross_entropy,
    "bce": build_bce,
    "bce_with_logits": build_bce_with_logits,
    "focal": build_focal,
    "dice": build_dice,
    "soft_dice": build_soft_dice,
    "generalised_dice": build_generalised_dice,
    "jaccard": build_jaccard,
    "tversky": build_tversky,
    "focal_tversky": build_focal_tversky,
    "lovasz": build_lovasz,
    "boundary": build_boundary,
}
"""Name -> function that returns the term for a spec and a setting."""


def build_loss(
    terms: tuple[LossTerm, ...],
    target: Target,
    class_pixels: tuple[int, ...],
    table_VK: torch.Tensor | None = None,
) -> Loss:
    """Return the loss function: the weighted sum of the terms, computed in float32 in every
    precision of the network.

    `class_pixels` are the pixel counts of the training images, background first. Without a labeled
    pixel, the loss and its gradient are 0. Means over pixels use the labeled pixels of a worker's
    batch. If the numbers of labeled pixels differ between images, results with one worker and with
    several differ, because workers are weighted by images. `table_VK` gives the meaning of soft
    labels (`data/soft_labels.py`); None: masks have no soft labels.
    """
    setting = Setting(target, class_pixels)
    parts = [(term.weight, part_of("LOSSES", term, LOSSES)(term, setting)) for term in terms]

    def loss(logits_BKHW: torch.Tensor, mask_BHW: torch.Tensor) -> torch.Tensor:
        if logits_BKHW.dtype != torch.float64:
            logits_BKHW = logits_BKHW.float()
        judged = Judged(logits_BKHW, mask_BHW, target, table_VK)
        with torch.autocast(logits_BKHW.device.type, enabled=False):
            found = [weight * part(judged) for weight, part in parts]
        return found[0] if len(found) == 1 else torch.stack(found).sum()

    return loss
