"""The evidence from which metrics are computed. The arrays are the same for any number of workers.

Shape suffixes: N images in the order of their ids, K classes, 3 = true positives, false positives,
false negatives (pixels), G metrics that need more than counts, H x W pixels.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from raytrain.config.target import IGNORE, Target, layer


@dataclass(frozen=True)
class ImageMaps:
    """One image's prediction and truth, class by class."""

    prob_KHW: np.ndarray
    """Probabilities in 0 .. 1."""
    pred_KHW: np.ndarray
    """bool: where the class is predicted."""
    true_KHW: np.ndarray
    """bool: where the true mask has the class. A pixel without any class is unlabeled."""


@dataclass(frozen=True)
class Evidence:
    """The evidence of a whole set of images."""

    counts_NK3: np.ndarray
    """True positives, false positives and false negatives of each image and class, px (int64)."""
    gathered: tuple[Any, ...] = ()
    """The specs of the metrics in `figures_NGK`."""
    figures_NGK: np.ndarray | None = None
    """float64: the value of each gathered metric on each image; NaN where an image is left out."""
    counted_K: np.ndarray | None = None
    """bool: the classes that count; None: all classes count."""

    def figures(self, spec: Any) -> np.ndarray:
        """Return figures_NK: the values of one gathered metric on each image and class."""
        assert self.figures_NGK is not None
        return self.figures_NGK[:, self.gathered.index(spec)]

    def of(self, rows: np.ndarray) -> Self:
        """Return the evidence of the images in these rows, in this order."""
        figures = None if self.figures_NGK is None else self.figures_NGK[rows]
        return type(self)(self.counts_NK3[rows], self.gathered, figures, self.counted_K)

    def counted(self, score_NK: np.ndarray) -> np.ndarray:
        """Return the scores with NaN for classes that do not count. The columns of score_NK are all
        classes, or all but the background."""
        if self.counted_K is None:
            return score_NK
        return np.where(self.counted_K[-score_NK.shape[1] :], score_NK, np.nan)


def occurring(counts_NK3: np.ndarray) -> np.ndarray:
    """Return bool_K: true for the background and for classes that occur in the true masks."""
    found_K = (counts_NK3[..., 0] + counts_NK3[..., 2]).sum(0) > 0
    found_K[0] = True
    return found_K


def means(score_NK: np.ndarray) -> np.ndarray:
    """Return score_K: the mean of each class over images, ignoring NaN; NaN if all values are
    NaN."""
    present_NK = ~np.isnan(score_NK)
    count_K = present_NK.sum(0)
    total_K = np.where(present_NK, score_NK, 0.0).sum(0)
    return np.where(count_K == 0, np.nan, total_K / np.maximum(count_K, 1))


def deviations(score_NK: np.ndarray) -> np.ndarray:
    """Return sd_K, the standard deviation over the images (divided by their number), ignoring NaN
    as in `means`."""
    return np.sqrt(means((score_NK - means(score_NK)) ** 2))


def mean(score_NK: np.ndarray) -> float | None:
    """Return the mean over images, then over classes; None when all values are NaN."""
    if not np.isnan(score_NK).any():
        return float(score_NK.mean())
    score_K = means(score_NK)
    present = score_K[~np.isnan(score_K)]
    return float(present.mean()) if len(present) else None


def label_maps(
    prob_KHW: np.ndarray, pred_HW: np.ndarray, true_HW: np.ndarray, target: Target
) -> ImageMaps:
    """Return one image's probabilities, predicted mask and true mask, class by class.

    The masks hold numbers as in `config/target.py`. An unlabeled pixel has no class in either mask.
    If classes overlap, the background's probability is 1 minus that of the most probable class.
    """
    judged_HW = np.ones(true_HW.shape, bool)
    if target == "multi_label":
        prob_KHW = np.concatenate([1 - prob_KHW.max(0, keepdims=True), prob_KHW])
    else:
        judged_HW = true_HW != IGNORE
    pred_KHW, true_KHW = (
        np.stack([layer(mask_HW, number, target) & judged_HW for number in range(len(prob_KHW))])
        for mask_HW in (pred_HW, true_HW)
    )
    return ImageMaps(prob_KHW, pred_KHW, true_KHW)
