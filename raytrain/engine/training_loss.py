"""The training loss of networks with auxiliary heads."""

from collections.abc import Callable

import torch
from torch.nn import functional

from raytrain.config.models import NingSpec
from raytrain.config.target import IGNORE, Target
from raytrain.config.trial import TrialSpec
from raytrain.losses import build_loss
from raytrain.losses.judged import Judged
from raytrain.models.heads import Outputs

TrainingLoss = Callable[[torch.Tensor | Outputs, torch.Tensor], torch.Tensor]
"""Function (network output, mask_BHW int64) -> scalar loss."""


def training_loss(
    spec: TrialSpec,
    target: Target,
    class_pixels: tuple[int, ...],
    table_VK: torch.Tensor | None = None,
) -> TrainingLoss:
    """Return the loss function of a training.

    A network with one label per cell learns the most common label of the cell, except from soft
    labels. For `Outputs` the loss is the weighted mean over the scales with deep supervision, plus
    the cross-entropy of the image-level head if there is one. `table_VK` gives the meaning of soft
    labels.
    """
    loss = build_loss(spec.loss, target, class_pixels, table_VK)
    cell = spec.model.cell if isinstance(spec.model, NingSpec) else 1
    weights = (1.0, *(spec.deep_supervision.weights if spec.deep_supervision else ()))

    def total(outputs: torch.Tensor | Outputs, mask_BHW: torch.Tensor) -> torch.Tensor:
        if cell > 1 and table_VK is None:
            first = outputs if isinstance(outputs, torch.Tensor) else outputs.logits_BKHW
            mask_BHW = most_common(mask_BHW, cell, first.shape[1], target)
        if isinstance(outputs, torch.Tensor):
            return loss(outputs, mask_BHW)
        scales = zip(weights, (outputs.logits_BKHW, *outputs.sides), strict=True)
        parts = [weight * loss(logits_BKHW, mask_BHW) for weight, logits_BKHW in scales]
        found = torch.stack(parts).sum() / sum(weights)
        if spec.presence is not None:
            assert outputs.presence_BF is not None
            judged = Judged(outputs.logits_BKHW, mask_BHW, target, table_VK)
            found = found + spec.presence.weight * presence_loss(outputs.presence_BF, judged)
        return found

    return total


def presence_loss(presence_BF: torch.Tensor, judged: Judged) -> torch.Tensor:
    """Return the binary cross-entropy of class presence in nats, averaged over images and
    foreground classes. Images without a labeled pixel are left out."""
    shown_BF = judged.true_BKHW[:, judged.first(background=False) :].amax((2, 3))
    cost_BF = functional.binary_cross_entropy_with_logits(presence_BF, shown_BF, reduction="none")
    seen_B = judged.valid_BHW.amax((1, 2))
    return (cost_BF.mean(1) * seen_B).sum() / seen_B.sum().clamp_min(1)


def most_common(mask_BHW: torch.Tensor, cell: int, channels: int, target: Target) -> torch.Tensor:
    """Return the mask with the most common label of each square cell in the whole cell; on a tie,
    the lower number. Cells at the right and the bottom may be incomplete. The network has this many
    `channels`.

    Unlabeled pixels do not count, and stay unlabeled. If classes overlap, a cell has a class if
    most of its pixels have it.
    """
    height, width = mask_BHW.shape[1:]
    if target == "multi_label":
        layers = [mask_BHW >> bit & 1 for bit in range(channels)]
        found = [_share(layer, cell, height, width) > 0.5 for layer in layers]
        return torch.stack([layer.long() << bit for bit, layer in enumerate(found)]).sum(0)
    shares = [_share(mask_BHW == number, cell, height, width) for number in range(channels)]
    return torch.where(mask_BHW == IGNORE, IGNORE, torch.stack(shares).argmax(0))


def _share(is_in_BHW: torch.Tensor, cell: int, height: int, width: int) -> torch.Tensor:
    """Return, for each pixel, the share of its cell's pixels that belong to the class, BHW."""
    share = functional.avg_pool2d(
        is_in_BHW[:, None].float(), cell, ceil_mode=True, count_include_pad=False
    )
    return functional.interpolate(share, scale_factor=float(cell))[:, 0, :height, :width]
