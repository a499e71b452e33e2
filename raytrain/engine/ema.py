"""Averages of the weights: the moving one that is evaluated and kept instead of the last ones, and
the plain mean over epochs."""

from collections.abc import Iterable, Iterator

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from raytrain.config.shipping import ShipSpec, SwaSpec, candidates
from raytrain.data.dataset import Batch
from raytrain.engine.parallel import World

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


def finish_mean(mean: AveragedModel, batches: Iterable[Batch], world: World) -> None:
    """Compute BatchNorm's running statistics anew: those of the averaged weights are no average of
    statistics (Izmailov et al. 2018). They are the means over the batches of all workers."""
    norms = [part for part in mean.modules() if isinstance(part, _BatchNorm)]
    synced = world.size > 1 and any(isinstance(part, nn.SyncBatchNorm) for part in norms)
    taken = 0

    def images() -> Iterator[torch.Tensor]:
        nonlocal taken
        for batch in batches:
            # Synced norms wait for every worker, also for one whose window does not count.
            if batch.counted or synced:
                taken += 1
                yield batch.image_BCHW

    update_bn(images(), mean, world.device)
    if world.size > 1:
        share = taken / world.sum_(torch.tensor(float(taken), device=world.device))
        for norm in norms:
            for figure in (norm.running_mean, norm.running_var):
                if figure is not None:
                    figure.copy_(world.sum_(figure * share))
    mean.eval()
