"""Whether two sets of images come from one world, by simple statistics of each image.

Known as adversarial validation: the better a classifier tells train from test, the less a
validation score says of the test set.
"""

import cv2
import numpy as np
from scipy.stats import skew
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
FEWEST = 10
MOST = 5000
"""Images of each set that are looked at; the rest adds time, not certainty."""


def simple_statistics(image_HWC: np.ndarray) -> np.ndarray:
    """A vector of float64: size, and of the gray image mean, deviation, skewness, quantiles and
    mean gradient; with several channels their means, too."""
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


def shift_auc(first_ND: np.ndarray, second_ND: np.ndarray, seed: int) -> float:
    """Cross-validated area under the ROC curve of telling the sets apart: .5 they are alike, 1
    they never are. NaN when one has fewer than 10 images. The same for the same seed."""
    if min(len(first_ND), len(second_ND)) < FEWEST:
        return float("nan")
    rng = np.random.default_rng(seed)
    sides = [side[np.sort(rng.permutation(len(side))[:MOST])] for side in (first_ND, second_ND)]
    origin_N = np.repeat([0, 1], [len(side) for side in sides])
    model = HistGradientBoostingClassifier(max_iter=100, min_samples_leaf=5, random_state=seed)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    guess_NK = cross_val_predict(
        model, np.concatenate(sides), origin_N, cv=folds, method="predict_proba"
    )
    return float(roc_auc_score(origin_N, guess_NK[:, 1]))
