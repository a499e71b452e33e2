"""One epoch of training, and one pass over the validation set."""

import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from raytrain.config.trial import TrialSpec
from raytrain.data.cache import Cache
from raytrain.data.dataset import Batch, Scaling, fixed_batches
from raytrain.engine.parallel import World
from raytrain.engine.step import evaluate, train_step
from raytrain.losses import Loss
from raytrain.metrics import METRICS
from raytrain.metrics.dice import foreground_dice
from raytrain.runs.history import Row


def train_epoch(
    model: nn.Module,
    ema: AveragedModel | None,
    loader: DataLoader[Batch],
    loss: Loss,
    optimizer: torch.optim.Optimizer,
    schedule: LRScheduler,
    spec: TrialSpec,
    world: World,
    epoch: int,
) -> Row:
    """Every training image once; returns the epoch's row.

    Losses stay on the device until the end: reading each would make the host wait in every step.
    Raises ValueError when one of them is not finite, naming the first such step and its images.
    """
    model.train()
    start, images = time.perf_counter(), 0
    losses, rows = [], []
    lr = schedule.get_last_lr()[0]
    for batch in loader:
        losses.append(train_step(model, batch, loss, optimizer, spec, world))
        rows.append(batch.rows)
        images += batch.global_size
        schedule.step()
        if ema is not None:
            ema.update_parameters(_bare(model))
    share_S = world.sum_(torch.stack(losses).double())
    if not bool(torch.isfinite(share_S).all()):
        step = int((~torch.isfinite(share_S)).nonzero()[0])
        raise ValueError(
            f"the loss is {float(share_S[step])} at epoch {epoch}, step {step + 1} "
            f"(cache rows {rows[step].tolist()}): lower optimizer.lr, or set clip_norm"
        )
    seconds = time.perf_counter() - start
    ranks = world.sum_(torch.ones(1, dtype=torch.int64, device=world.device))
    return {
        "epoch": epoch,
        "train_loss": float(share_S.mean()),
        "lr": lr,
        "seconds": round(seconds, 4),
        "samples_per_s": round(images / seconds, 2),
        "images": images,
        "ranks": int(ranks),
    }


def validate(
    model: nn.Module,
    cache: Cache,
    rows: np.ndarray,
    scaling: Scaling,
    loss: Loss,
    spec: TrialSpec,
    classes: tuple[str, ...],
    world: World,
) -> Row:
    """val_loss, val_dice and val_dice_per_class over the set, the same on every worker.

    Each worker takes whole batches in turn, and batches are the same for any number of workers,
    so the figures are too.
    """

    def mine() -> Iterator[tuple[int, Batch]]:
        place = 0
        for number, start in enumerate(range(0, len(rows), spec.batch_size)):
            part = rows[start : start + spec.batch_size]
            if number % world.size == world.rank:
                (batch,) = fixed_batches(cache, part, scaling, spec.batch_size)
                yield place, batch
            place += len(part)

    world.share_buffers(model)
    counts_NK3, loss_N = evaluate(
        model, mine(), len(rows), len(classes), loss, spec.precision, world
    )
    counts = counts_NK3.cpu().numpy()
    per_class = foreground_dice(counts)
    return {
        "val_loss": float(loss_N.sum() / len(rows)),
        "val_dice": METRICS["dice"](counts),
        "val_dice_per_class": [float(value) for value in per_class],
    }


def _bare(model: nn.Module) -> nn.Module:
    """The network inside a DistributedDataParallel."""
    inner = getattr(model, "module", model)
    assert isinstance(inner, nn.Module)
    return inner
