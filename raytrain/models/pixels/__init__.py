"""Pixel classifiers as networks: filters, then a fitted classifier that is stored as tensors.

Checkpoints, prediction and ensembles can treat them like any network.
"""

from raytrain.models.pixels.classifier import PixelClassifier
from raytrain.models.pixels.logistic import PixelsLogistic
from raytrain.models.pixels.trees import PixelsBoosting, PixelsForest

__all__ = ["PixelClassifier", "PixelsBoosting", "PixelsForest", "PixelsLogistic"]
