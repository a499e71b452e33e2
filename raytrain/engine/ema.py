"""Averages of the weights: the moving one that is evaluated and kept instead of the last ones, and
the plain mean over epochs."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from raytrain.config.shipping import ShipSpec, SwaSpec, candidates

Tensors = tuple[torch.Tensor, ...] | list[torch.Tensor]


def build_ema(model: nn.Module, decay: float) -> AveragedModel | None:
    """An average of weights and buffers; None when decay is 0.

    The decay of step n is min(decay, (1 + n) / (10 + n)), so that the random initial weights are
    soon forgotten (as in TensorFlow's ExponentialMovingAverage).
    """
    if decay == 0:
        return None

    def average(averages: Tensors, weights: Tensors, steps: torch.Tensor | int) -> None:
        warmed = min(decay, (1 + int(steps)) / (10 + int(steps)))
        get_ema_multi_avg_fn(warmed)(averages, weights, steps)

    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)


def build_swa(model: nn.Module, ship: ShipSpec) -> AveragedModel | None:
    """The mean over epochs that a kind of shipped weights asks for, still empty; else None."""
    asked = any(isinstance(kind, SwaSpec) for kind in candidates(ship))
    return AveragedModel(model) if asked else None


def finish_mean(mean: AveragedModel, images: Iterable[torch.Tensor], device: torch.device) -> None:
    """Compute BatchNorm's running statistics anew on image_BCHW: those of the averaged weights are
    no average of statistics (Izmailov et al. 2018)."""
    update_bn(images, mean, device)
    mean.eval()
