"""Logistic regression of pixels."""

import numpy as np
import torch
from torch import nn

from raytrain.config.models.pixels import PixelsLogisticSpec
from raytrain.models.pixels.classifier import FLOOR, PixelClassifier


class PixelsLogistic(PixelClassifier):
    """A classifier that is linear in the features. The standardization of features is part of its
    weights."""

    def __init__(self, spec: PixelsLogisticSpec, channels: int, classes: int):
        super().__init__(spec, channels, classes)
        self.c = spec.c
        self.linear = nn.Linear(self.features, classes)

    def scores(self, feature_PF: torch.Tensor) -> torch.Tensor:
        return self.linear(feature_PF)

    def take(self, feature_PF: np.ndarray, class_P: np.ndarray, seed: int) -> None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler().fit(feature_PF.astype(np.float64))
        model = LogisticRegression(
            C=self.c, class_weight="balanced", max_iter=1000, random_state=seed
        ).fit(scaler.transform(feature_PF), class_P)
        weight_KF, bias_K = model.coef_, model.intercept_
        if len(model.classes_) == 2:  # scikit-learn keeps only the second class's weights
            weight_KF = np.concatenate([0 * weight_KF, weight_KF])
            bias_K = np.concatenate([0 * bias_K, bias_K])
        weight_KF = weight_KF / scaler.scale_
        bias_K = bias_K - weight_KF @ scaler.mean_
        self.linear.weight.zero_()
        self.linear.bias.fill_(float(np.log(FLOOR)))
        self.linear.weight[model.classes_] = torch.from_numpy(weight_KF).to(self.linear.weight)
        self.linear.bias[model.classes_] = torch.from_numpy(bias_K).to(self.linear.bias)
