"""Test whether two sets of images have the same distribution, by simple statistics of each image.

This is known as adversarial validation: the better a classifier separates train from test, the less
a validation score says about the test set.
"""

import cv2
import numpy as np
from scipy.stats import skew
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from threadpoolctl import threadpool_limits

QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
FEWEST = 5
MOST = 10_000
"""Most images to use; more add time but no precision."""


def simple_statistics(image_HWC: np.ndarray) -> np.ndarray:
    """Return a float64 vector: size, and of the gray image the mean, deviation, skewness, quantiles
    and mean gradient; with several channels also their means."""
    values = image_HWC.astype(np.float64)
    gray_HW = values.mean(2)
    across, down = (cv2.Sobel(gray_HW, cv2.CV_64F, *order) for order in ((1, 0), (0, 1)))
    spread = gray_HW.std()
    channels = values.mean((0, 1)) if values.shape[2] > 1 else []
    return np.array(
        [
            *gray_HW.shape, gray_HW.mean(), spread,
            float(skew(gray_HW, axis=None)) if spread > 0 else 0.0,
            *np.quantile(gray_HW, QUANTILES), np.hypot(across, down).mean(), *channels,
        ]
    )  # fmt: skip


def shift_auc(statistics_ND: np.ndarray, origin_N: np.ndarray, groups_N: np.ndarray) -> float:
    """Return the cross-validated area under the ROC curve for separating origin 0 from 1: .5 means
    alike, 1 never alike.

    The same input gives the same result. Groups (a patient, a video) stay together, because their
    images resemble each other. NaN when an origin has fewer than 5 groups.
    """
    if min(len(set(groups_N[origin_N == side])) for side in (0, 1)) < FEWEST:
        return float("nan")
    chosen = np.random.default_rng(0).permutation(len(origin_N))[:MOST]
    model = HistGradientBoostingClassifier(max_iter=100, min_samples_leaf=5, random_state=0)
    # On a busy machine, several threads spend most of their time waiting for each other.
    with threadpool_limits(1):
        guess_NK = cross_val_predict(
            model, statistics_ND[chosen], origin_N[chosen], groups=groups_N[chosen],
            cv=StratifiedGroupKFold(5, shuffle=True, random_state=0), method="predict_proba",
        )  # fmt: skip
    return float(roc_auc_score(origin_N[chosen], guess_NK[:, 1]))
