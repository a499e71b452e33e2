"""The moving average of the weights that is evaluated and kept instead of the last ones."""

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

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
