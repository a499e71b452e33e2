"""The confusion matrix of label images."""

import numpy as np


def confusion(pred_NHW: np.ndarray, true_NHW: np.ndarray, classes: int) -> np.ndarray:
    """count_KK (int64): pixels of the true class of the row that were given that of the column.

    Values that are no class (an ignore value) are not counted.
    """
    judged = (true_NHW >= 0) & (true_NHW < classes)
    pair = true_NHW[judged].astype(np.int64) * classes + pred_NHW[judged]
    return np.bincount(pair, minlength=classes**2).reshape(classes, classes)
