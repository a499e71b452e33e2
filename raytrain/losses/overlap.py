"""Losses on the overlap of regions: Dice and related losses.

An empty class that is predicted empty costs nothing. Sums over an image or a batch are divided
once, with EPSILON in numerator and denominator, so 0/0 is 1. A loss that is pooled over the batch
(`dice`) differs between one worker and several workers. A loss per image does not.
"""

import torch

from raytrain.config.losses import (
    DiceSpec,
    FocalTverskySpec,
    GeneralisedDiceSpec,
    JaccardSpec,
    SoftDiceSpec,
    TverskySpec,
)
from raytrain.losses.judged import Judged
from raytrain.losses.setting import Setting, Term

EPSILON = 1e-5
"""Number of pixels that is added to numerator and denominator, so that 0/0 is 1."""
IMAGE, BATCH = (2, 3), (0, 2, 3)
"""Axes of a BxKxHxW tensor over which a loss per image, or per batch, is summed."""


def build_dice(spec: DiceSpec, setting: Setting) -> Term:
    """Return the term: 1 - the mean over classes, and over images or the pooled batch, of (2|PT| +
    smooth) / (|P^power| + |T^power| + smooth), with probabilities P and truth T."""
    del setting

    def term(judged: Judged) -> torch.Tensor:
        prob, true = judged.prob_BKHW, judged.true_BKHW
        axes = BATCH if spec.over == "batch" else IMAGE
        shared = (prob * true).sum(axes)
        if spec.power == 1:
            total = prob.sum(axes) + true.sum(axes)
        else:
            total = (prob * prob).sum(axes) + (true * true).sum(axes)
        dice = (2 * shared + spec.smooth) / (total + spec.smooth)
        return 1 - dice[..., judged.first(spec.background) :].mean()

    return term


def build_soft_dice(spec: SoftDiceSpec, setting: Setting) -> Term:
    """Return the term: 1 - the mean over images and classes of 2|PT| / (|P^2| + |T|), with
    probabilities P and truth T. EPSILON is added above and below."""
    del setting

    def term(judged: Judged) -> torch.Tensor:
        prob, true = judged.prob_BKHW, judged.true_BKHW
        shared_BK = (prob * true).sum(IMAGE)
        total_BK = (prob * prob).sum(IMAGE) + true.sum(IMAGE)
        dice_BK = (2 * shared_BK + EPSILON) / (total_BK + EPSILON)
        return 1 - dice_BK[:, judged.first(spec.background) :].mean()

    return term


def build_generalised_dice(spec: GeneralisedDiceSpec, setting: Setting) -> Term:
    """Return the term: 1 - the mean over images of 2 sum_k w_k |PT| / sum_k w_k (|P| + |T|), with
    probabilities P and truth T of class k, and w_k = 1 / |T|^2. EPSILON is added above and below.
    An absent class has the weight of the smallest class in the image, as in MONAI."""
    del setting

    def term(judged: Judged) -> torch.Tensor:
        first = judged.first(spec.background)
        prob, true = judged.prob_BKHW[:, first:], judged.true_BKHW[:, first:]
        size_BK = true.sum(IMAGE)
        weight_BK = _relative_weights(size_BK)
        shared_B = (weight_BK * (prob * true).sum(IMAGE)).sum(1)
        total_B = (weight_BK * (prob.sum(IMAGE) + size_BK)).sum(1)
        return (1 - (2 * shared_B + EPSILON) / (total_B + EPSILON)).mean()

    return term


def _relative_weights(size_BK: torch.Tensor) -> torch.Tensor:
    """Return 1 / size^2 relative to the image's smallest class; 1 for absent classes. So EPSILON is
    small compared with the sums at any image size."""
    size_BK = torch.where(size_BK > 0, size_BK, torch.inf)
    smallest_B1 = size_BK.amin(1, keepdim=True)
    return torch.where(size_BK.isfinite(), smallest_B1 / size_BK, 1) ** 2


def build_jaccard(spec: JaccardSpec, setting: Setting) -> Term:
    """Return the term: 1 - the mean over images and classes of |PT| / (|P| + |T| - |PT|), with
    probabilities P and truth T."""
    tversky = TverskySpec(alpha=1, beta=1, background=spec.background)
    return build_tversky(tversky, setting)


def build_tversky(spec: TverskySpec, setting: Setting) -> Term:
    """Return the term: 1 - the mean over images and classes of the Tversky index,
    TP / (TP + alpha FP + beta FN)."""
    del setting

    def term(judged: Judged) -> torch.Tensor:
        index_BK = _tversky_index(judged, spec.alpha, spec.beta)
        return 1 - index_BK[:, judged.first(spec.background) :].mean()

    return term


def build_focal_tversky(spec: FocalTverskySpec, setting: Setting) -> Term:
    """Return the term: the mean over images and classes of (1 - Tversky index)^gamma."""
    del setting

    def term(judged: Judged) -> torch.Tensor:
        index_BK = _tversky_index(judged, spec.alpha, spec.beta)
        # At an index of 1 a power below 1 has an infinite slope.
        lack_BK = (1 - index_BK).clamp_min(EPSILON)
        power = (lack_BK**spec.gamma - EPSILON**spec.gamma)[:, judged.first(spec.background) :]
        return power.mean()

    return term


def _tversky_index(judged: Judged, alpha: float, beta: float) -> torch.Tensor:
    """Return TP / (TP + alpha FP + beta FN) of each image and class, BxK. EPSILON is added above
    and below."""
    prob, true = judged.prob_BKHW, judged.true_BKHW
    hit_BK = (prob * true).sum(IMAGE)
    extra_BK, missed_BK = prob.sum(IMAGE) - hit_BK, true.sum(IMAGE) - hit_BK
    return (hit_BK + EPSILON) / (hit_BK + alpha * extra_BK + beta * missed_BK + EPSILON)
