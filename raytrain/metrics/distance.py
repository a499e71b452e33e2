"""Hausdorff distances between the borders of two masks, in px (Huttenlocher et al. 1993).

Shape suffixes: N images, K classes, H x W pixels.
"""

import math

import numpy as np
from scipy import ndimage

from raytrain.config.metrics import HausdorffMetricSpec
from raytrain.metrics.evidence import Evidence, ImageMaps, mean


def hausdorff(spec: HausdorffMetricSpec, evidence: Evidence) -> float:
    """Return minus the mean distance over images, then classes; 0 if everything is skipped."""
    figures_NK = evidence.figures(spec)[:, 0 if spec.background else 1 :]
    found = mean(evidence.counted(figures_NK))
    return 0.0 if found is None else -found


def border_distances(spec: HausdorffMetricSpec, image: ImageMaps) -> np.ndarray:
    """Return distance_K (float64, px) of one image; NaN where the spec skips a class."""
    return np.array(
        [_distance(spec, *pair) for pair in zip(image.pred_KHW, image.true_KHW, strict=True)]
    )


def _distance(spec: HausdorffMetricSpec, pred_HW: np.ndarray, true_HW: np.ndarray) -> float:
    match bool(pred_HW.any()), bool(true_HW.any()):
        case False, False:
            return math.nan if spec.both_empty == "skip" else float(spec.both_empty)
        case (True, False) | (False, True):
            if spec.one_empty == "diagonal":
                return math.hypot(*true_HW.shape)
            return math.nan if spec.one_empty == "skip" else float(spec.one_empty)
    pred, true = border(pred_HW), border(true_HW)
    return max(_one_way(pred, true, spec.percentile), _one_way(true, pred, spec.percentile))


def border(mask_HW: np.ndarray) -> np.ndarray:
    """Return, as bool, the mask's pixels with a neighbor above, below, left or right that is
    outside the mask. Beyond the image's edge, everything is outside."""
    return mask_HW & ~ndimage.binary_erosion(mask_HW)


def _one_way(from_HW: np.ndarray, to_HW: np.ndarray, percentile: float) -> float:
    """Return the percentile of the distances from one border's pixels to the other border."""
    to_nearest_HW = ndimage.distance_transform_edt(~to_HW)
    return float(np.percentile(to_nearest_HW[from_HW], percentile))
