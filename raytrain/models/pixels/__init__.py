"""Pixel classifiers as networks: filters, then a fitted classifier that is stored as tensors.

Checkpoints, prediction and ensembles can treat them like any network.
"""

from raytrain.models.pixels.classifier import PixelClassifier
from raytrain.models.pixels.logistic import build_pixels_logistic
from raytrain.models.pixels.trees import build_pixels_boosting, build_pixels_forest

__all__ = [
    "PixelClassifier",
    "build_pixels_boosting",
    "build_pixels_forest",
    "build_pixels_logistic",
]
