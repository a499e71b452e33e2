"""Dice, IoU, precision, recall, F-beta, the TGS precision and accuracy, from integer counts.

Shape suffixes: N images, K classes, 3 = true positives, false positives, false negatives (pixels).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from raytrain.config.metrics import AccuracyMetricSpec, FBetaMetricSpec
from raytrain.metrics.evidence import Evidence, mean, means

Pair = tuple[np.ndarray, np.ndarray]
"""Numerator and denominator of a metric."""


def _dice(spec: Any, hit: np.ndarray, extra: np.ndarray, missed: np.ndarray) -> Pair:
    return 2 * hit, 2 * hit + extra + missed


def _iou(spec: Any, hit: np.ndarray, extra: np.ndarray, missed: np.ndarray) -> Pair:
    return hit, hit + extra + missed


def _precision(spec: Any, hit: np.ndarray, extra: np.ndarray, missed: np.ndarray) -> Pair:
    return hit, hit + extra


def _recall(spec: Any, hit: np.ndarray, extra: np.ndarray, missed: np.ndarray) -> Pair:
    return hit, hit + missed


def _fbeta(spec: FBetaMetricSpec, hit: np.ndarray, extra: np.ndarray, missed: np.ndarray) -> Pair:
    square = spec.beta**2
    return (1 + square) * hit, (1 + square) * hit + square * missed + extra


def _average_precision(spec: Any, hit: np.ndarray, extra: np.ndarray, missed: np.ndarray) -> Pair:
    union = hit + extra + missed
    # The thresholds .50, .55 ... .95 in whole twentieths, so that rounding does not shift them.
    passed = sum((20 * hit > twentieths * union).astype(np.float64) for twentieths in range(10, 20))
    return np.asarray(passed), 10.0 * (union > 0)


FRACTIONS: dict[str, Callable[[Any, np.ndarray, np.ndarray, np.ndarray], Pair]] = {
    "dice": _dice,
    "iou": _iou,
    "mean_average_precision": _average_precision,
    "precision": _precision,
    "recall": _recall,
    "f1": _dice,
    "fbeta": _fbeta,
}
"""Name -> function from the spec, hits, false positives and false negatives to numerator and
denominator."""


def fractions(spec: Any, counts_NK3: np.ndarray) -> np.ndarray:
    """Return score_NK of each image and class, or score_1K over the whole set; NaN where 0/0 is
    skipped.

    If the background does not count, it is not one of the K classes.
    """
    if spec.over == "set":
        counts_NK3 = counts_NK3.sum(0, keepdims=True)
    hit, extra, missed = np.moveaxis(np.asarray(counts_NK3, dtype=np.float64), -1, 0)
    above, below = FRACTIONS[spec.name](spec, hit, extra, missed)
    empty = np.nan if spec.empty == "skip" else float(spec.empty)
    score_NK = np.where(below == 0, empty, above / np.where(below == 0, 1.0, below))
    return score_NK[:, 0 if spec.background else 1 :]


def counted_scores(spec: Any, evidence: Evidence, counts_NK3: np.ndarray) -> np.ndarray:
    """Return the `fractions` of these counts, with NaN for classes that do not count in `evidence`.
    If the spec names one class (`only`), return the fractions of this class alone; it always
    counts."""
    score_NK = fractions(spec, counts_NK3)
    if spec.only is None:
        return evidence.counted(score_NK)
    place = spec.only - (not spec.background)
    return score_NK[:, place : place + 1]


def overlap(spec: Any, evidence: Evidence) -> float:
    """Return the mean of `fractions` over images, then classes; 1 if no class counts."""
    score_NK = counted_scores(spec, evidence, evidence.counts_NK3)
    if spec.average == "macro" or spec.only is not None:
        found = mean(score_NK)
        return 1.0 if found is None else found
    score_K = means(score_NK)
    pixels_K = evidence.counts_NK3[..., 0].sum(0) + evidence.counts_NK3[..., 2].sum(0)
    weight_K = np.where(np.isnan(score_K), 0, pixels_K[-len(score_K) :])
    if not weight_K.any():
        found = mean(score_K[None])
        return 1.0 if found is None else found
    return float((weight_K * np.nan_to_num(score_K)).sum() / weight_K.sum())


def accuracy(spec: AccuracyMetricSpec, evidence: Evidence) -> float:
    """Return the share of correctly classified labeled pixels, 0 .. 1, over the set or as the mean
    over images. An image without a labeled pixel counts as correct."""
    hit_N = evidence.counts_NK3[..., 0].sum(1)
    pixels_N = hit_N + evidence.counts_NK3[..., 2].sum(1)
    if spec.over == "set":
        hit_N, pixels_N = hit_N.sum(keepdims=True), pixels_N.sum(keepdims=True)
    wrong_N = pixels_N - hit_N
    return float((1 - wrong_N / pixels_N.clip(1)).mean())
