"""Cross-entropy of the predicted probabilities, image by image."""

import numpy as np

from raytrain.config.metrics import CrossEntropyMetricSpec
from raytrain.metrics.evidence import Evidence, ImageMaps

FLOOR = 1e-7
"""Lowest probability that differs from 0: below it, float32 rounds 1 - p to 1."""


def cross_entropy(spec: CrossEntropyMetricSpec, evidence: Evidence) -> float:
    """Return minus the mean over images, in nats."""
    return -float(evidence.figures(spec)[:, 0].mean())


def image_cross_entropy(spec: CrossEntropyMetricSpec, image: ImageMaps) -> np.ndarray:
    """Return the mean of -log p(true class) over the labeled pixels, repeated for each of the K
    classes; 0 without labeled pixels."""
    prob = image.prob_KHW[image.true_KHW].astype(np.float64)
    loss = float(-np.log(prob.clip(FLOOR)).mean()) if len(prob) else 0.0
    return np.full(len(image.prob_KHW), loss)
