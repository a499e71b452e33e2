"""The boundary loss (Kervadec et al. 2019)."""

import numpy as np
import torch
from scipy import ndimage

from raytrain.config.losses import BoundarySpec
from raytrain.losses.judged import Judged
from raytrain.losses.setting import Setting, Term


def build_boundary(spec: BoundarySpec, setting: Setting) -> Term:
    """Return the term: the mean over labeled pixels and classes of probability times signed
    distance to the true border, in image diagonals.

    A class that is absent from an image has distance 1 everywhere. Unlabeled pixels cost nothing,
    but count as outside when distances are computed. A soft label is inside if it exceeds .5.
    """
    del setting

    def term(judged: Judged) -> torch.Tensor:
        first = judged.first(spec.background)
        prob, true = judged.prob_BKHW[:, first:], judged.true_BKHW[:, first:]
        maps = [signed_distance(layer_HW) for layer_HW in true.flatten(0, 1).cpu().numpy() > 0.5]
        distance = torch.from_numpy(np.stack(maps)).to(prob).reshape(prob.shape)
        return (prob * distance).sum() / (judged.pixels * prob.shape[1])

    return term


def signed_distance(layer_HW: np.ndarray) -> np.ndarray:
    """Return the distance in pixels to the nearest pixel on the other side of the border, divided
    by the diagonal: positive outside, negative inside, 1 everywhere for an empty layer and -1 for a
    full one."""
    diagonal = float(np.hypot(*layer_HW.shape))
    if not layer_HW.any() or layer_HW.all():
        return np.full(layer_HW.shape, -1.0 if layer_HW.any() else 1.0)
    outside = ndimage.distance_transform_edt(~layer_HW)
    inside = ndimage.distance_transform_edt(layer_HW)
    # Border pixels on either side are half a pixel from the border between them.
    return (np.maximum(outside - 0.5, 0) - np.maximum(inside - 0.5, 0)) / diagonal
