"""How much each label contradicts the out-of-fold map of its image.

A map that differs from a label shows only that one of them is wrong. So the agreement (soft Dice)
of a map with the label is compared with its agreement with its own mask, which is low where the
networks are unsure. The difference is large only where they are sure and the label says something
else.

Shape suffixes: N images, K classes without the background, C maps, H x W pixels.
"""

import numpy as np

from raytrain.config.target import IGNORE, Target, layer
from raytrain.metrics.decide import mask_of

SMALL = 0.1
"""Share of a class's usual area that is added to both sides of its Dice, so that a few pixels of a
class count for little."""
FLOOR = 0.02
"""Smallest deviation of the contradictions, in Dice. Without it, single pixels would make suspects
where almost all maps and labels agree."""
USUAL = 1.4826
"""The standard deviation of a normal distribution, in median absolute deviations."""
CUT = 4.0
"""Score beyond which a label is a suspect (docs/measurements.md)."""


def contradiction(
    prob_CHW: np.ndarray, true_HW: np.ndarray, area_K: np.ndarray, target: Target
) -> tuple[np.ndarray, np.ndarray]:
    """Return, for the classes 1, 2, ..., the soft Dice of a map with its own mask minus that with
    the label (-1 .. 1), and whether one of the two masks shows the class.

    `area_K` is the usual number of pixels of each class; unlabeled pixels do not count.
    """
    own_HW = mask_of(prob_CHW, target)
    judged_HW = np.ones(true_HW.shape, bool) if target == "multi_label" else true_HW != IGNORE
    excess_K, shown_K = np.zeros(len(area_K)), np.zeros(len(area_K), bool)
    for place, area in enumerate(area_K):
        number = place + 1
        prob_P = prob_CHW[number if target == "single_label" else place][judged_HW]
        own_P, true_P = (layer(mask_HW, number, target)[judged_HW] for mask_HW in (own_HW, true_HW))
        whole, few = float(prob_P.sum(dtype=np.float64)), SMALL * area + 1e-9
        dice = [
            (2 * float(prob_P[mask_P].sum(dtype=np.float64)) + few) / (whole + mask_P.sum() + few)
            for mask_P in (own_P, true_P)
        ]
        excess_K[place] = dice[0] - dice[1]
        shown_K[place] = own_P.any() or true_P.any()
    return excess_K, shown_K


def scores(excess_NK: np.ndarray, shown_NK: np.ndarray, fold_N: np.ndarray) -> np.ndarray:
    """Return the score of each image: its mean contradiction over the classes that are shown, less
    the median of its fold, in robust standard deviations of all images.

    Each fold has its own median, because its networks are more or less sure than those of others.
    """
    mean_N = (excess_NK * shown_NK).sum(1) / np.maximum(shown_NK.sum(1), 1)
    for fold in np.unique(fold_N):
        mean_N[fold_N == fold] -= np.median(mean_N[fold_N == fold])
    return mean_N / max(USUAL * float(np.median(np.abs(mean_N))), FLOOR)
