"""Metrics: scores for which higher is better, and which do not depend on how images were
distributed to workers.

Counts are summed per image and class, reduced over workers and divided once. Metrics without counts
(distances, cross-entropy) are computed per image and averaged in the order of ids.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from raytrain.config.metrics import MetricSpec, WeightedMetricSpec
from raytrain.config.own import has_part, part_of
from raytrain.metrics.cross_entropy import image_cross_entropy, image_focal, negated
from raytrain.metrics.distance import border_distances, hausdorff
from raytrain.metrics.evidence import Evidence, ImageMaps
from raytrain.metrics.overlap import accuracy, overlap
from raytrain.metrics.soft_overlap import image_soft_overlap, soft_overlap


def _weighted(spec: WeightedMetricSpec, evidence: Evidence) -> float:
    return sum(term.weight * score(term.metric, evidence) for term in spec.terms)


METRICS: dict[str, Callable[[Any, Evidence], float]] = {
    "dice": overlap,
    "iou": overlap,
    "mean_average_precision": overlap,
    "precision": overlap,
    "recall": overlap,
    "f1": overlap,
    "fbeta": overlap,
    "accuracy": accuracy,
    "hausdorff": hausdorff,
    "cross_entropy": negated,
    "focal": negated,
    "soft_dice": soft_overlap,
    "soft_iou": soft_overlap,
    "weighted": _weighted,
}
"""Name -> function of the metric's spec and the evidence."""

IMAGE_FIGURES: dict[str, Callable[[Any, ImageMaps], np.ndarray]] = {
    "hausdorff": border_distances,
    "cross_entropy": image_cross_entropy,
    "focal": image_focal,
    "soft_dice": image_soft_overlap,
    "soft_iou": image_soft_overlap,
}
"""Name -> function that returns figure_K of one image, for metrics that need more than counts."""


def score(spec: MetricSpec, evidence: Evidence) -> float:
    """Return the value of a metric for a set of images; higher is better."""
    return part_of("METRICS", spec, METRICS)(spec, evidence)


def gathered(*specs: MetricSpec) -> tuple[MetricSpec, ...]:
    """Return the metrics, among `specs` and the terms of their weighted sums, that need more than
    the counts of pixels, each once."""
    terms = (
        [t.metric for t in spec.terms] if spec.name == "weighted" else [spec] for spec in specs
    )
    parts = [part for of_one in terms for part in of_one]
    measured = (part for part in parts if has_part("IMAGE_FIGURES", part, IMAGE_FIGURES))
    return tuple(dict.fromkeys(measured))


def image_figures(specs: tuple[MetricSpec, ...], image: ImageMaps) -> np.ndarray:
    """Return figure_GK (float64): for each of the G specs, the figure of each of the K classes on
    one image."""
    figures = [part_of("IMAGE_FIGURES", spec, IMAGE_FIGURES)(spec, image) for spec in specs]
    return np.array(figures, np.float64).reshape(len(specs), len(image.prob_KHW))
