"""Mixing of images and masks according to a plan.

Shape suffixes: B images of a batch, C channels, H x W pixels.
"""

from dataclasses import dataclass

import numpy as np
import torch

from raytrain.config.mixing import CutMixSpec, MixSpec

Pair = tuple[torch.Tensor, torch.Tensor]
"""image_BCHW (normalized) and mask_BHW."""


@dataclass(frozen=True)
class MixPlan:
    """How a worker's windows of one step are mixed, and with which partners."""

    spec: MixSpec
    partners: np.ndarray
    """The index of each window's partner, which may be any window of the step."""
    share: float
    """Share of the window itself in the mixed image, 0 .. 1."""
    center: tuple[float, float]
    """Center of the pasted box, down and across, as fractions of the window, 0 .. 1."""


def mixed(first: Pair, second: Pair, plan: MixPlan) -> tuple[Pair, torch.Tensor | None, float]:
    """Return the mixed images with their first masks, their second masks, and the weight (0 .. 1)
    of the first masks in the loss. With cutmix, which mixes the masks, too, the second masks are
    None and the weight is 1."""
    image_BCHW, mask_BHW = first
    if isinstance(plan.spec, CutMixSpec):
        height, width = mask_BHW.shape[1:]
        rows, columns = _box(height, plan.center[0], plan), _box(width, plan.center[1], plan)
        image_BCHW[:, :, rows, columns] = second[0][:, :, rows, columns]
        mask_BHW[:, rows, columns] = second[1][:, rows, columns]
        return (image_BCHW, mask_BHW), None, 1.0
    return (torch.lerp(second[0], image_BCHW, plan.share), mask_BHW), second[1], plan.share


def _box(side: int, center: float, plan: MixPlan) -> slice:
    """Return the extent of a box along one side. The box is cut off at the border, as in the
    paper."""
    half = side * (1 - plan.share) ** 0.5 / 2
    return slice(max(0, round(center * side - half)), min(side, round(center * side + half)))
