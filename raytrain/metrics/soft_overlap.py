"""Dice and IoU of probabilities, without a threshold.

Shape suffixes: N images, K classes, H x W pixels.
"""

import cv2
import numpy as np

from raytrain.config.map_metrics import SoftOverlapSpec
from raytrain.metrics.evidence import Evidence, ImageMaps, mean


def soft_overlap(spec: SoftOverlapSpec, evidence: Evidence) -> float:
    """Return the mean of soft Dice or soft IoU over images, then classes, 0 .. 1."""
    figures_NK = evidence.figures(spec)[:, 0 if spec.background else 1 :]
    found = mean(evidence.counted(figures_NK))
    return 1.0 if found is None else found


def image_soft_overlap(spec: SoftOverlapSpec, image: ImageMaps) -> np.ndarray:
    """Return score_K (float64) of one image, over its labeled pixels; a class without probability
    and truth scores 1.

    With `size`, both maps are resized bicubically first, and the truth is no longer binary.
    """
    judged_HW = image.true_KHW.any(0)
    prob_KHW = image.prob_KHW * judged_HW
    pairs = zip(_sized(prob_KHW, spec.size), _sized(image.true_KHW, spec.size), strict=True)
    return np.array([_score(spec, *pair) for pair in pairs])


def _sized(map_KHW: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    map_KHW = map_KHW.astype(np.float64)
    if size is None:
        return map_KHW
    sized = [cv2.resize(map_HW, size[::-1], interpolation=cv2.INTER_CUBIC) for map_HW in map_KHW]
    return np.stack(sized).clip(0, 1)


def _score(spec: SoftOverlapSpec, prob_HW: np.ndarray, true_HW: np.ndarray) -> float:
    shared, total = float((prob_HW * true_HW).sum()), float(prob_HW.sum() + true_HW.sum())
    if total == 0:
        return 1.0
    return 2 * shared / total if spec.name == "soft_dice" else shared / (total - shared)
