"""What all pixel classifiers share: filters in, logits out, and how they are fitted.

Shape suffixes: B images, C channels, K classes, P pixels, F features, H x W pixels of an image.
"""

from abc import abstractmethod

import numpy as np
import torch
from torch import nn

from raytrain.config.models.pixels import PixelsBase
from raytrain.models.pixels.filters import feature_count, filters

FLOOR = 1e-6
"""Probability of what was never seen, so that its logarithm is a number."""


class PixelClassifier(nn.Module):
    """Gives logits_BKHW like any network; its numbers come from `fit`, not from gradients."""

    def __init__(self, spec: PixelsBase, channels: int, classes: int):
        super().__init__()
        self.spec, self.channels, self.classes = spec, channels, classes
        self.shift_K = nn.Parameter(torch.zeros(classes))

    @property
    def features(self) -> int:
        """F."""
        return feature_count(self.channels, self.spec.scales)

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        """One image at a time, for memory's sake, and in float32 whatever is asked for."""
        device = image_BCHW.device.type  # tensors without memory know no autocast
        with torch.autocast("cpu" if device == "meta" else device, enabled=False):
            return torch.stack([self._image_logits(image_CHW) for image_CHW in image_BCHW])

    def _image_logits(self, image_CHW: torch.Tensor) -> torch.Tensor:
        feature_PF = self.pixel_features(image_CHW)
        return self.pixel_logits(feature_PF).T.reshape(self.classes, *image_CHW.shape[1:])

    def pixel_features(self, image_CHW: torch.Tensor) -> torch.Tensor:
        """feature_PF of all pixels of an image, row by row."""
        return filters(image_CHW.float(), self.spec.scales).flatten(1).T.contiguous()

    def pixel_logits(self, feature_PF: torch.Tensor) -> torch.Tensor:
        """logits_PK, shifted by how frequent the classes are held to be."""
        return self.scores(feature_PF) + self.shift_K

    def fit(
        self, feature_PF: np.ndarray, class_P: np.ndarray, frequency_K: np.ndarray, seed: int
    ) -> None:
        """Take on the numbers of scikit-learn's classifier for these pixels, each class weighing
        the same; `frequency_K` is that of the classes in the training images.

        Raises ValueError when they are all of one class.
        """
        if len(np.unique(class_P)) < 2:
            raise ValueError(
                f"{self.spec.label}: the training images have pixels of class {class_P[0]} alone"
            )
        with torch.no_grad():
            self.take(feature_PF, class_P, seed)
            if self.spec.prior == "pixels":
                log_K = np.log(np.maximum(frequency_K / frequency_K.sum(), FLOOR))
                self.shift_K.copy_(torch.from_numpy(log_K))

    @abstractmethod
    def scores(self, feature_PF: torch.Tensor) -> torch.Tensor:
        """logits_PK with all classes held to be equally frequent."""

    @abstractmethod
    def take(self, feature_PF: np.ndarray, class_P: np.ndarray, seed: int) -> None:
        """Fit and keep the numbers."""
