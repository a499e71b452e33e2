"""The confusion matrix of label images."""

import numpy as np


def confusion(pred_NHW: np.ndarray, true_NHW: np.ndarray, classes: int) -> np.ndarray:
    """Return count_KK (int64): the number of pixels by true class (row) and predicted class
    (column).

    Values that are not a class (an ignore value) are not counted.
    """
    judged = (true_NHW >= 0) & (true_NHW < classes)
    pair = true_NHW[judged].astype(np.int64) * classes + pred_NHW[judged]
    return np.bincount(pair, minlength=classes**2).reshape(classes, classes)
