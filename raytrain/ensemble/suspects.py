"""How much each label contradicts the out-of-fold map of its image.

If a map and a label differ, one of them is wrong, and it may be either. So two agreements (soft
Dice) of the map are compared: with the label, and with the map's own mask. The second one is low
where the networks are unsure. The difference is large only where the networks are sure and the
label differs.

Shape suffixes: N images, K classes without the background, C maps, H x W pixels.
"""

from typing import NamedTuple

import numpy as np

from raytrain.config.target import IGNORE, Target, layer
from raytrain.metrics.decide import mask_of

SMALL = 0.1
"""Share of a class's usual area that is added to both sides of its Dice, so that a few pixels have
little effect."""
UNSURE = 4
"""Exponent of the sureness. An image on which the networks agree with their own mask by 80 % of the
usual value counts 41 %."""
SHARE = 0.14
"""Smallest contradiction of a suspect, as a share of the square of the agreement that the networks
usually have with their own masks. Networks that are less sure contradict wrong labels less, too,
about as this square (docs/measurements.md)."""
DEVIATIONS = 3
"""Smallest contradiction of a suspect, in robust standard deviations of all images."""
USUAL = 1.4826
"""The standard deviation of a normal distribution, in median absolute deviations."""
CUT = 1.0
"""A label with a higher score is a suspect (docs/measurements.md)."""


class Agreement(NamedTuple):
    """Soft Dice of a map with its own mask and with the label, class by class."""

    own_K: np.ndarray
    """Soft Dice of the map and the mask that follows from it."""
    label_K: np.ndarray
    """Soft Dice of the map and the label."""
    shown_K: np.ndarray
    """Whether at least one of the two masks shows the class."""


def agreement(
    prob_CHW: np.ndarray, true_HW: np.ndarray, area_K: np.ndarray, target: Target
) -> Agreement:
    """Return the agreements for the classes 1, 2, ... Unlabeled pixels do not count.

    `area_K` is the usual number of pixels of each class.
    """
    own_HW = mask_of(prob_CHW, target)
    judged_HW = np.ones(true_HW.shape, bool) if target == "multi_label" else true_HW != IGNORE
    dice_2K, shown_K = np.zeros((2, len(area_K))), np.zeros(len(area_K), bool)
    for place, area in enumerate(area_K):
        number = place + 1
        prob_P = prob_CHW[number if target == "single_label" else place][judged_HW]
        masks = [layer(mask_HW, number, target)[judged_HW] for mask_HW in (own_HW, true_HW)]
        whole, few = float(prob_P.sum(dtype=np.float64)), SMALL * area + 1e-9
        for row, mask_P in enumerate(masks):
            inside = float(prob_P[mask_P].sum(dtype=np.float64))
            dice_2K[row, place] = (2 * inside + few) / (whole + mask_P.sum() + few)
        shown_K[place] = any(mask_P.any() for mask_P in masks)
    return Agreement(dice_2K[0], dice_2K[1], shown_K)


def scores(
    own_NK: np.ndarray, label_NK: np.ndarray, shown_NK: np.ndarray, fold_N: np.ndarray
) -> np.ndarray:
    """Return score_N: how much each label contradicts its map, as a multiple of the smallest
    contradiction of a suspect.

    An image's value is the mean of own minus label agreement over the classes that are shown,
    weighted by how sure the networks are compared with the usual. The median of the image's fold is
    subtracted, because the networks of some folds are surer than others.
    """
    count_N = np.maximum(shown_NK.sum(1), 1)
    usual_K = np.ones(own_NK.shape[1])
    ever = np.flatnonzero(shown_NK.any(0)).tolist()
    usual_K[ever] = [np.median(own_NK[shown_NK[:, place], place]) for place in ever]
    sure_NK = np.minimum(own_NK / usual_K, 1) * shown_NK
    mean_N = ((own_NK - label_NK) * shown_NK).sum(1) / count_N
    mean_N *= (sure_NK.sum(1) / count_N) ** UNSURE
    for fold in np.unique(fold_N):
        mean_N[fold_N == fold] -= np.median(mean_N[fold_N == fold])
    deviation = USUAL * float(np.median(np.abs(mean_N)))
    return mean_N / max(DEVIATIONS * deviation, SHARE * float(usual_K[ever].mean()) ** 2)
