"""Pixel accuracy from integer counts."""

from raytrain.config.metrics import AccuracyMetricSpec
from raytrain.metrics.evidence import Evidence


def accuracy(spec: AccuracyMetricSpec, evidence: Evidence) -> float:
    """Return the share of correctly classified labeled pixels, 0 .. 1, over the set or as the mean
    over images. An image without a labeled pixel counts as correct."""
    hit_N = evidence.counts_NK3[..., 0].sum(1)
    pixels_N = hit_N + evidence.counts_NK3[..., 2].sum(1)
    if spec.over == "set":
        hit_N, pixels_N = hit_N.sum(keepdims=True), pixels_N.sum(keepdims=True)
    wrong_N = pixels_N - hit_N
    return float((1 - wrong_N / pixels_N.clip(1)).mean())
