"""What metrics are computed from: the same arrays however many workers gathered them.

Shape suffixes: N images in the order of their ids, K classes, 3 = true positives, false positives,
false negatives (pixels), G metrics that counts do not suffice for, H x W pixels.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from raytrain.config.target import IGNORE, Target, layer


@dataclass(frozen=True)
class ImageMaps:
    """One image's prediction and truth, class by class."""

    prob_KHW: np.ndarray
    """0 .. 1."""
    pred_KHW: np.ndarray
    """bool: where the class is predicted."""
    true_KHW: np.ndarray
    """bool: where the class is; a pixel of no class was not judged."""


@dataclass(frozen=True)
class Evidence:
    """Of a whole set of images."""

    counts_NK3: np.ndarray
    """int64."""
    gathered: tuple[Any, ...] = ()
    """The specs of the metrics that `figures_NGK` is for."""
    figures_NGK: np.ndarray | None = None
    """float64: what each of them measured on each image; NaN where an image is left out."""
    counted_K: np.ndarray | None = None
    """bool: the classes that count; null: all of them."""

    def figures(self, spec: Any) -> np.ndarray:
        """figures_NK of one gathered metric."""
        assert self.figures_NGK is not None
        return self.figures_NGK[:, self.gathered.index(spec)]

    def of(self, rows: np.ndarray) -> Self:
        """These images, in this order."""
        figures = None if self.figures_NGK is None else self.figures_NGK[rows]
        return type(self)(self.counts_NK3[rows], self.gathered, figures, self.counted_K)

    def counted(self, score_NK: np.ndarray) -> np.ndarray:
        """The scores of all classes, or of all but the background; NaN where a class does not
        count."""
        if self.counted_K is None:
            return score_NK
        return np.where(self.counted_K[-score_NK.shape[1] :], score_NK, np.nan)


def occurring(counts_NK3: np.ndarray) -> np.ndarray:
    """bool_K: the background, and the classes that the truth shows."""
    found_K = (counts_NK3[..., 0] + counts_NK3[..., 2]).sum(0) > 0
    found_K[0] = True
    return found_K


def means(score_NK: np.ndarray) -> np.ndarray:
    """score_K: the mean over the images of each class; NaN are left out, and stay where all are."""
    present_NK = ~np.isnan(score_NK)
    count_K = present_NK.sum(0)
    total_K = np.where(present_NK, score_NK, 0.0).sum(0)
    return np.where(count_K == 0, np.nan, total_K / np.maximum(count_K, 1))


def deviations(score_NK: np.ndarray) -> np.ndarray:
    """sd_K over the images (divided by their number), NaN left out as in `means`."""
    return np.sqrt(means((score_NK - means(score_NK)) ** 2))


def mean(score_NK: np.ndarray) -> float | None:
    """The mean over images, then over classes; None when every image of every class is left out."""
    if not np.isnan(score_NK).any():
        return float(score_NK.mean())
    score_K = means(score_NK)
    present = score_K[~np.isnan(score_K)]
    return float(present.mean()) if len(present) else None


def label_maps(
    prob_KHW: np.ndarray, pred_HW: np.ndarray, true_HW: np.ndarray, target: Target
) -> ImageMaps:
    """The maps of masks whose numbers are as `config/target.py` has them; where classes overlap,
    the background is as probable as the most probable class is not."""
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
