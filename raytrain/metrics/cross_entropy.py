"""Cross-entropy and focal loss of the predicted probabilities, image by image."""

import numpy as np

from raytrain.config.map_metrics import CrossEntropyMetricSpec, FocalMetricSpec
from raytrain.metrics.evidence import Evidence, ImageMaps

FLOOR = 1e-7
"""Smallest probability that counts as more than 0. Below it, float32 rounds 1 - p to 1."""


def negated(spec: CrossEntropyMetricSpec | FocalMetricSpec, evidence: Evidence) -> float:
    """Return minus the mean over images of cross-entropy or focal loss, in nats."""
    return -float(evidence.figures(spec)[:, 0].mean())


def image_cross_entropy(spec: CrossEntropyMetricSpec, image: ImageMaps) -> np.ndarray:
    """Return the mean of -log p(true class) over the labeled pixels, weighted by class; 0 without
    labeled pixels. The value is repeated for each of the K classes."""
    prob, weight = _of_truth(image, spec.class_weights)
    total = float(weight.sum())
    loss = float((weight * -np.log(prob)).sum()) / total if total else 0.0
    return np.full(len(image.prob_KHW), loss)


def image_focal(spec: FocalMetricSpec, image: ImageMaps) -> np.ndarray:
    """Return the mean of -alpha (1 - p)^gamma log p over the labeled pixels; 0 without labeled
    pixels. The value is repeated for each of the K classes."""
    prob, weight = _of_truth(image, spec.alpha)
    loss = float((weight * (1 - prob) ** spec.gamma * -np.log(prob)).mean()) if len(prob) else 0.0
    return np.full(len(image.prob_KHW), loss)


def _of_truth(image: ImageMaps, weights: tuple[float, ...] | None) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each labeled pixel, the probability of its true class and the weight of this
    class."""
    prob = image.prob_KHW[image.true_KHW].astype(np.float64).clip(FLOOR)
    if weights is None:
        return prob, np.ones(len(prob))
    return prob, np.array(weights)[np.nonzero(image.true_KHW)[0]]
