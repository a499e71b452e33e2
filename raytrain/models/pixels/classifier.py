"""Base class of all pixel classifiers: filters in, logits out, and fitting.

Shape suffixes: B images, C channels, K classes, P pixels, F features, H x W pixels of an image.
"""

from abc import abstractmethod

import numpy as np
import torch
from torch import nn

from raytrain.config.models.pixels import PixelsBase
from raytrain.models.pixels.filters import feature_count, filters

FLOOR = 1e-6
"""Probability of unseen classes. It is not 0, so that its logarithm is finite."""


class PixelClassifier(nn.Module):
    """Returns logits_BKHW like any network. Its numbers come from `fit`, and not from gradients."""

    def __init__(self, spec: PixelsBase, channels: int, classes: int):
        super().__init__()
        self.spec, self.channels, self.classes = spec, channels, classes
        self.shift_K = nn.Parameter(torch.zeros(classes))

    @property
    def features(self) -> int:
        """Number of features, F."""
        return feature_count(self.channels, self.spec.scales)

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """Return logits_BKHW. Images are processed one at a time to save memory, in float32."""
        device = image_BCHW.device.type  # autocast does not support meta tensors
        with torch.autocast("cpu" if device == "meta" else device, enabled=False):
            return torch.stack([self._image_logits(image_CHW) for image_CHW in image_BCHW])

    def _image_logits(self, image_CHW: torch.Tensor) -> torch.Tensor:
        feature_PF = self.pixel_features(image_CHW)
        return self.pixel_logits(feature_PF).T.reshape(self.classes, *image_CHW.shape[1:])

    def pixel_features(self, image_CHW: torch.Tensor) -> torch.Tensor:
        """Return feature_PF of all pixels of an image, row by row."""
        return filters(image_CHW.float(), self.spec.scales).flatten(1).T.contiguous()

    def pixel_logits(self, feature_PF: torch.Tensor) -> torch.Tensor:
        """Return logits_PK, shifted by the assumed class frequencies."""
        return self.scores(feature_PF) + self.shift_K

    def fit(
        self, feature_PF: np.ndarray, class_P: np.ndarray, frequency_K: np.ndarray, seed: int
    ) -> None:
        """Fit scikit-learn's classifier to these pixels, and copy its numbers. Each class has the
        same total weight, whatever its number of pixels.

        `frequency_K` holds the number of pixels of each class in the training images. Raises
        ValueError when all pixels have one class.
        """
        if len(np.unique(class_P)) < 2:
            raise ValueError(
                f"{self.spec.label}: the training images have pixels of class {class_P[0]} only, "
                "and a classifier needs two classes; check the masks"
            )
        with torch.no_grad():
            self.take(feature_PF, class_P, seed)
            if self.spec.prior == "pixels":
                log_K = np.log(np.maximum(frequency_K / frequency_K.sum(), FLOOR))
                self.shift_K.copy_(torch.from_numpy(log_K))

    @abstractmethod
    def scores(self, feature_PF: torch.Tensor) -> torch.Tensor:
        """Return logits_PK of these pixels, as if all classes were equally frequent."""

    @abstractmethod
    def take(self, feature_PF: np.ndarray, class_P: np.ndarray, seed: int) -> None:
        """Fit scikit-learn's classifier to these pixels, and copy its numbers into this module."""
