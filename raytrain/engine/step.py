"""One training step and one evaluation step.

Shape suffixes: B images, C channels, K classes, H x W pixels, N images of the whole set,
3 = true positives, false positives, false negatives, G metrics that need more than counts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from raytrain.config.metrics import MetricSpec
from raytrain.config.target import Target
from raytrain.config.trial import Precision, TrialSpec
from raytrain.data.cache import Cache
from raytrain.data.dataset import Batch, Unit
from raytrain.data.framing import Frame, joined
from raytrain.engine.finite import Buffers, watched
from raytrain.engine.parallel import World
from raytrain.engine.precision import HALVES, update_scale
from raytrain.engine.training_loss import TrainingLoss
from raytrain.losses import Loss
from raytrain.metrics import image_figures
from raytrain.metrics.decide import mask_of
from raytrain.metrics.dice import overlap_counts
from raytrain.metrics.evidence import label_maps
from raytrain.models.heads import Outputs


def train_step(
    model: nn.Module,
    batch: Batch,
    loss: TrainingLoss,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    spec: TrialSpec,
    world: World,
) -> torch.Tensor:
    """Update the weights once.

    Returns this worker's share of the batch loss, still on the device; NaN for a skipped step. The
    workers' gradients are averaged. Each loss is weighted by the worker's share of the images, so
    the update is that of the whole batch, however unevenly it is divided. Gradients are exchanged
    once, with the last part of the share.
    """
    optimizer.zero_grad(set_to_none=True)
    shares, buffers = [], Buffers(model, spec)
    parts = batch.parts(spec.accumulate)
    for number, part in enumerate(parts, 1):
        with nullcontext() if number == len(parts) else world.unsynced(model):
            outputs = _outputs(model, _to(part.image_BCHW, world), spec.precision)
            mean_loss = _mixed_loss(loss, outputs, part, world)
            share = mean_loss * (part.counted / part.global_size)
            scaler.scale(watched(share, spec) * world.size).backward()
        shares.append(share.detach())
    whole = buffers.judge(shares[0] if len(shares) == 1 else torch.stack(shares).sum())
    if spec.clip_norm:
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), spec.clip_norm)
    scaler.step(optimizer)
    update_scale(scaler, spec)
    return whole


def _mixed_loss(
    loss: TrainingLoss, outputs: torch.Tensor | Outputs, part: Batch, world: World
) -> torch.Tensor:
    """Return the loss. For images that are mixed from two, it is the weighted sum of the losses on
    both masks."""
    first = loss(outputs, _to(part.target_BHW, world).long())
    if part.other_BHW is None:
        return first
    second = loss(outputs, _to(part.other_BHW, world).long())
    return part.share * first + (1 - part.share) * second


def probabilities(logits_NKHW: torch.Tensor, target: Target) -> torch.Tensor:
    """Return prob_NKHW in 0 .. 1: a distribution over the classes or, if classes overlap,
    independent probabilities."""
    return logits_NKHW.softmax(1) if target == "single_label" else logits_NKHW.sigmoid()


def forward(model: nn.Module, image_BCHW: torch.Tensor, precision: Precision) -> torch.Tensor:
    """Return logits_BKHW as float32, computed in the given precision, for evaluation."""
    logits_BKHW = _outputs(model, image_BCHW, precision)
    assert isinstance(logits_BKHW, torch.Tensor)
    return logits_BKHW


def _outputs(
    model: nn.Module, image_BCHW: torch.Tensor, precision: Precision
) -> torch.Tensor | Outputs:
    half = HALVES.get(precision)
    with torch.autocast(image_BCHW.device.type, half, enabled=half is not None):
        return model(image_BCHW).float()


@dataclass(frozen=True)
class Judging:
    """The ground truth of an evaluation, and what is measured."""

    cache: Cache
    frame: Frame
    images: int
    """Number of images in the whole set."""
    classes: int
    """Number of classes, including the background."""
    target: Target
    loss: Loss
    gathered: tuple[MetricSpec, ...]
    """Metrics that need more than counts."""


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    units: Iterable[tuple[int, Unit]],
    by: Judging,
    precision: Precision,
    world: World,
    notes: list[str],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return counts_NK3 (int64) at the images' own sizes, loss_N, and figures_NGK (float64) of the
    gathered metrics, complete on every worker.

    `units` are this worker's units, each with the index of its first image in the set. One worker
    computes an image's figures, and they are zero on the others, so the sum is exact for any number
    of workers. An image's loss is the mean over its windows. Whenever memory did not suffice, a
    text is added to `notes`.
    """
    model.eval()
    counts_NK3 = torch.zeros(by.images, by.classes, 3, dtype=torch.int64, device=world.device)
    loss_N = torch.zeros(by.images, dtype=torch.float64, device=world.device)
    figures_NGK = loss_N.new_zeros(by.images, len(by.gathered), by.classes)
    for start, unit in units:
        place = {int(row): start + i for i, row in enumerate(unit.rows)}
        of_unit_N = loss_N[start : start + len(unit.rows)]
        maps = _window_maps(model, unit, by, precision, world, notes, of_unit_N)
        for row, prob_KHW in joined(by.frame.strips(maps, unit.windows, by.cache), by.cache):
            true_HW = torch.from_numpy(np.array(by.cache.mask(row))).to(world.device, torch.int64)
            pred_HW = mask_of(prob_KHW, by.target)
            (counts_K3,) = overlap_counts(pred_HW[None], true_HW[None], by.classes, by.target)
            counts_NK3[place[row]] = counts_K3
            if by.gathered:
                prob, pred, true = (t.cpu().numpy() for t in (prob_KHW, pred_HW, true_HW))
                figures = image_figures(by.gathered, label_maps(prob, pred, true, by.target))
                figures_NGK[place[row]] = torch.from_numpy(figures)
    return world.sum_(counts_NK3), world.sum_(loss_N), world.sum_(figures_NGK)


def _window_maps(
    model: nn.Module, unit: Unit, by: Judging, precision: Precision, world: World,
    notes: list[str], loss_N: torch.Tensor,
) -> Iterator[torch.Tensor]:  # fmt: skip
    """Yield prob_BKHW of the unit's batches. The windows' losses are added to the losses of their
    images."""
    place = {int(row): i for i, row in enumerate(unit.rows)}
    windows = Counter(unit.windows.row_N.tolist())
    for batch in unit.batches:
        logits_BKHW = _in_fitting_parts(model, batch.image_BCHW, precision, world, notes)
        target_BHW = _to(batch.target_BHW, world).long()
        for i, row in enumerate(batch.rows.tolist()):
            of_window = by.loss(logits_BKHW[i : i + 1], target_BHW[i : i + 1])
            loss_N[place[row]] += of_window / windows[row]
        yield probabilities(logits_BKHW, by.target)


def _in_fitting_parts(
    model: nn.Module,
    image_BCHW: torch.Tensor,
    precision: Precision,
    world: World,
    notes: list[str],
) -> torch.Tensor:
    """Return logits_BKHW. If memory does not suffice, they are computed in halves, quarters and so
    on.

    Raises torch.OutOfMemoryError when a single image does not fit.
    """
    try:
        return forward(model, _to(image_BCHW, world), precision)
    except torch.OutOfMemoryError:
        if len(image_BCHW) == 1:
            raise
    # Outside of the block the error no longer references the pass's tensors.
    notes.append(
        f"out of memory with {len(image_BCHW)} images of an evaluation: evaluated in two halves"
    )
    halves = image_BCHW.chunk(2)
    return torch.cat([_in_fitting_parts(model, half, precision, world, notes) for half in halves])


def _to(tensor: torch.Tensor, world: World) -> torch.Tensor:
    return tensor.to(world.device, non_blocking=True)
