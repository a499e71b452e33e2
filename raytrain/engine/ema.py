"""Averages of the weights: the exponential moving average, which is evaluated and saved instead of
the last weights, and the plain mean over epochs."""

from collections.abc import Iterable, Iterator

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from raytrain.config.shipping import ShipSpec, SwaSpec, candidates
from raytrain.data.dataset import Batch
from raytrain.engine.parallel import World


def build_ema(model: nn.Module, decay: float) -> AveragedModel | None:
    """Return a moving average of weights and buffers; None when decay is 0.

    The decay of step n is min(decay, (1 + n) / (10 + n)), so that the random initial weights are
    quickly forgotten (as in TensorFlow's ExponentialMovingAverage).
    """
    return None if decay == 0 else MovingAverage(model, decay)


class MovingAverage(AveragedModel):
    """torch's AveragedModel, with its counter on the host. torch itself moves the counter to the
    device and back, so the host would wait in every step."""

    def __init__(self, model: nn.Module, decay: float):
        super().__init__(model, use_buffers=True)
        self._decay = decay

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Add the current weights and buffers to the average."""
        done = int(self.n_averaged)
        average = [*self.module.parameters(), *self.module.buffers()]
        pairs = list(zip(average, [*model.parameters(), *model.buffers()], strict=True))
        # Counters, such as BatchNorm's number of batches, have no average.
        copied = [pair for pair in pairs if done == 0 or not pair[0].is_floating_point()]
        if copied:
            torch._foreach_copy_([mean for mean, _ in copied], [value for _, value in copied])
        if done:
            update = get_ema_multi_avg_fn(min(self._decay, (1 + done) / (10 + done)))
            for dtype in {mean.dtype for mean in average if mean.is_floating_point()}:
                same = [pair for pair in pairs if pair[0].dtype == dtype]
                update([mean for mean, _ in same], [value for _, value in same], done)
        self.n_averaged += 1


def build_swa(model: nn.Module, ship: ShipSpec) -> AveragedModel | None:
    """Return an empty average of the weights over epochs (SWA) if the trial's `ship` needs one,
    else None."""
    asked = any(isinstance(kind, SwaSpec) for kind in candidates(ship))
    return AveragedModel(model) if asked else None


def finish_mean(mean: AveragedModel, batches: Iterable[Batch], world: World) -> None:
    """Recompute the BatchNorm statistics of the averaged network `mean` over the batches of all
    workers.

    The statistics of averaged weights are not the average of the statistics (Izmailov et al. 2018).
    """
    norms = [part for part in mean.modules() if isinstance(part, _BatchNorm)]
    synced = world.size > 1 and any(isinstance(part, nn.SyncBatchNorm) for part in norms)
    taken = 0

    def images() -> Iterator[torch.Tensor]:
        nonlocal taken
        for batch in batches:
            # Synced norms wait for every worker, even one with a window that does not count.
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
