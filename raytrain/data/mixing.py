"""Mixing of images and masks according to a plan.

Shape suffixes: B images of a batch, C channels, H x W pixels.
"""

import torch

from raytrain.config.mixing import CutMixSpec
from raytrain.data.epoch_plan import MixPlan

Pair = tuple[torch.Tensor, torch.Tensor]
"""image_BCHW (normalized) and mask_BHW."""


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
