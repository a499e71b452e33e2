"""Dice from integer counts.

Shape suffixes: N images, B images of a batch, K classes, 3 = true positives, false positives,
false negatives (pixels).
"""

import numpy as np
import torch

from raytrain.config.metrics import DiceMetricSpec
from raytrain.config.target import IGNORE, Target, layer
from raytrain.metrics.overlap import fractions


def overlap_counts(
    pred_BHW: torch.Tensor, true_BHW: torch.Tensor, classes: int, target: Target
) -> torch.Tensor:
    """Return counts_BK3 (int64): true positives, false positives and false negatives of each class
    in each image. Pixels that are unlabeled in the truth are not counted."""
    if target == "multi_label":
        return _layer_counts(pred_BHW, true_BHW, classes)
    images = len(pred_BHW)
    # Ignored pixels get an additional class, which is cut off.
    true_BHW = torch.where(true_BHW == IGNORE, classes, true_BHW)
    cells = (classes + 1) * classes
    pair_BHW = true_BHW * classes + pred_BHW
    offset_B11 = torch.arange(images, device=pred_BHW.device)[:, None, None] * cells
    confusion_BKK = torch.bincount(
        (pair_BHW + offset_B11).flatten(), minlength=images * cells
    ).reshape(images, classes + 1, classes)[:, :classes]
    hit_BK = confusion_BKK.diagonal(dim1=1, dim2=2)
    return torch.stack([hit_BK, confusion_BKK.sum(1) - hit_BK, confusion_BKK.sum(2) - hit_BK], -1)


def _layer_counts(pred_BHW: torch.Tensor, true_BHW: torch.Tensor, classes: int) -> torch.Tensor:
    counts_KB3 = []
    for number in range(classes):
        pred, true = (layer(mask, number, "multi_label") for mask in (pred_BHW, true_BHW))
        pairs = (pred & true, pred & ~true, ~pred & true)
        counts_KB3.append(torch.stack([pair.sum((1, 2)) for pair in pairs], -1))
    return torch.stack(counts_KB3, 1)


def dice_per_image(counts_NK3: np.ndarray) -> np.ndarray:
    """Return dice_NK in 0 .. 1: 2 TP / (2 TP + FP + FN); 1 if both masks are empty."""
    return fractions(DiceMetricSpec(background=True), counts_NK3)


def foreground_dice(counts_NK3: np.ndarray) -> np.ndarray:
    """Return the Dice of each class except the background, 0 .. 1, as the mean over images."""
    return dice_per_image(counts_NK3)[:, 1:].mean(0)


def mean_foreground_dice(counts_NK3: np.ndarray) -> float:
    """Return the mean Dice over images and foreground classes, 0 .. 1."""
    return float(dice_per_image(counts_NK3)[:, 1:].mean())
