"""The values of a metric on many draws of images at once. They equal those of `score` on each draw.

Shape suffixes: N images, D draws, K classes, 3 = true positives, false positives, false negatives.
"""

from typing import Any

import numpy as np

from raytrain.config.metrics import MetricSpec
from raytrain.metrics import score
from raytrain.metrics.evidence import Evidence
from raytrain.metrics.overlap import FRACTIONS, counted_scores

DIGITS = 12
"""Number of digits in which sums of the same figures agree, although their order differs."""


def drawn_scores(spec: MetricSpec, evidence: Evidence, times_DN: np.ndarray) -> np.ndarray:
    """Return score_D. Draw d contains image n times_DN[d, n] times (whole numbers as float64). Each
    draw contains at least one image."""
    if spec.name == "weighted":
        parts = [t.weight * drawn_scores(t.metric, evidence, times_DN) for t in spec.terms]
        return np.sum(parts, axis=0)
    if spec.name in FRACTIONS and getattr(spec, "average", None) == "macro":
        return np.round(_macro(spec, evidence, times_DN), DIGITS)
    rows = np.arange(times_DN.shape[1])
    drawn = (np.repeat(rows, times_N.astype(np.int64)) for times_N in times_DN)
    return np.array([score(spec, evidence.of(each)) for each in drawn])


def _macro(spec: Any, evidence: Evidence, times_DN: np.ndarray) -> np.ndarray:
    if spec.over == "set":
        counts_N = evidence.counts_NK3.astype(np.float64)  # sums of counts are exact
        counts_DK3 = np.tensordot(times_DN, counts_N, 1)
        each = spec.model_copy(update={"over": "image"})
        score_DK = counted_scores(each, evidence, counts_DK3)
    else:
        score_NK = counted_scores(spec, evidence, evidence.counts_NK3)
        known_NK = ~np.isnan(score_NK)
        count_DK = times_DN.sum(1, keepdims=True) if known_NK.all() else times_DN @ known_NK
        sum_DK = times_DN @ np.where(known_NK, score_NK, 0.0)
        score_DK = np.where(count_DK == 0, np.nan, sum_DK / np.maximum(count_DK, 1))
    known_DK = ~np.isnan(score_DK)
    count_D = known_DK.sum(1)
    sum_D = np.where(known_DK, score_DK, 0.0).sum(1)
    return np.where(count_D == 0, 1.0, sum_D / np.maximum(count_D, 1))
