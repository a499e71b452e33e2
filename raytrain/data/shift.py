"""Test whether two sets of images have the same distribution, by simple statistics of each image.

This is known as adversarial validation. The better a classifier distinguishes train from test, the
less a validation score says about the test set.
"""

import cv2
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from threadpoolctl import threadpool_limits

from raytrain.data.strips import channel_sum, gray, roomy, strips

QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
FEWEST = 5
MOST = 10_000
"""Largest number of images to use. More images take more time and add no precision."""

ROUNDING = 1e-15
"""A deviation below this share of the mean is caused by rounding."""


def simple_statistics(image_HWC: np.ndarray) -> np.ndarray:
    """Return a float64 vector: size, and of the gray image the mean, deviation, skewness, quantiles
    and mean gradient; with several channels also their means."""
    height, width, channels = image_HWC.shape
    pixels = height * width
    mean = sum(gray(image_HWC[rows]).sum() for rows in strips(image_HWC)) / pixels
    second = third = slopes = 0.0
    sum_C = np.zeros(channels)
    for rows in strips(image_HWC):
        above = min(rows.start, 1)  # a slope needs the neighboring rows
        gray_HW = gray(image_HWC[rows.start - above : rows.stop + 1])
        across, down = (cv2.Sobel(gray_HW, cv2.CV_64F, *order) for order in ((1, 0), (0, 1)))
        inner = slice(above, above + rows.stop - rows.start)
        slopes += np.hypot(across[inner], down[inner]).sum()
        difference_HW = gray_HW[inner] - mean
        square_HW = difference_HW**2
        second += square_HW.sum() / pixels
        third += (square_HW * difference_HW).sum() / pixels
        sum_C += image_HWC[rows].sum((0, 1), dtype=np.float64)
    sum_HW = channel_sum(image_HWC, roomy(image_HWC.dtype))
    return np.array(
        [
            height, width, mean, np.sqrt(second),
            third / second**1.5 if second > (ROUNDING * mean) ** 2 else 0.0,
            *np.quantile(sum_HW, QUANTILES, overwrite_input=True) / channels, slopes / pixels,
            *(sum_C / pixels if channels > 1 else []),
        ]
    )  # fmt: skip


def shift_auc(statistics_ND: np.ndarray, origin_N: np.ndarray, groups_N: np.ndarray) -> float:
    """Return the cross-validated area under the ROC curve for distinguishing origin 0 from origin
    1: .5 if they look alike, 1 if they never do.

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
