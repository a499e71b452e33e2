"""Classifiers of single pixels as networks: filters, then a fitted classifier kept as tensors, so
that checkpoints, prediction and ensembles take them as they take any network."""

from raytrain.models.pixels.classifier import PixelClassifier
from raytrain.models.pixels.logistic import build_pixels_logistic
from raytrain.models.pixels.trees import build_pixels_boosting, build_pixels_forest

__all__ = [
    "PixelClassifier",
    "build_pixels_boosting",
    "build_pixels_forest",
    "build_pixels_logistic",
]
