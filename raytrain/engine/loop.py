"""One epoch of training, and one pass over the validation set."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from raytrain.config.metrics import MetricSpec
from raytrain.config.shipping import SwaSpec, candidates
from raytrain.config.trial import TrialSpec
from raytrain.data.cache import Cache
from raytrain.data.dataset import Batch, Scaling, Unit, units
from raytrain.data.epoch_plan import EpochPlan
from raytrain.data.framing import Frame
from raytrain.data.report import DataReport
from raytrain.engine.finite import finite_steps
from raytrain.engine.memory import peak_memory, with_smaller_parts
from raytrain.engine.pace import Waited
from raytrain.engine.parallel import World
from raytrain.engine.schedules import rate_factors, set_rates
from raytrain.engine.start import to_training_mode
from raytrain.engine.step import Judging, evaluate, train_step
from raytrain.engine.training_loss import TrainingLoss
from raytrain.engine.watchdog import UNWATCHED, Watch
from raytrain.metrics import gathered, score
from raytrain.metrics.dice import foreground_dice, mean_foreground_dice
from raytrain.metrics.evidence import Evidence, occurring
from raytrain.metrics.oof_file import OofEvidence
from raytrain.runs.chosen_epochs import in_swa
from raytrain.runs.history import Row


@dataclass
class Training:
    """The state and the settings of a training."""

    network: nn.Module
    """The network that a step calls: the model, wrapped for several workers and compiled."""
    model: nn.Module
    """The bare network."""
    ema: AveragedModel | None
    swa: AveragedModel | None
    """The mean over epochs, if it is shipped."""
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    loss: TrainingLoss
    spec: TrialSpec
    """The trial's spec, except that the batch may have been divided to fit into memory."""
    world: World
    notes: list[str] = field(default_factory=list)
    """Notes for the next row."""
    directory: Path = Path()
    """Folder for batches with a loss that is not finite."""
    watch: Watch = UNWATCHED
    """Watches each step for hangs."""
    hold: str = "host"
    """Where the windows are kept: `host` or `device`."""

    @property
    def kept(self) -> nn.Module:
        """The weights that are evaluated and shipped."""
        return self.model if self.ema is None else self.ema.module

    def news(self, history: Sequence[Row]) -> Row:
        """Return the `notes` that no earlier row contains, if there are any."""
        told = [note for row in history for note in row.get("notes", [])]
        new = [note for note in dict.fromkeys(self.notes) if note not in told]
        self.notes = []
        return {"notes": new} if new else {}

    def average(self, epoch: int) -> None:
        """Add the weights after this epoch to the mean over epochs, if the epoch belongs to it."""
        spec = self.spec
        swa = [kind for kind in candidates(spec.ship) if isinstance(kind, SwaSpec)]
        if self.swa is not None and in_swa(swa[0], epoch, spec.epochs):
            self.swa.update_parameters(self.kept)


@dataclass(frozen=True)
class Validation:
    """The validation images and the metric."""

    report: DataReport
    cache: Cache
    rows: np.ndarray
    scaling: Scaling
    metric: MetricSpec

    def told(self, ids: tuple[str, ...], evidence: Evidence) -> OofEvidence:
        """Return the evidence with its images, named by `ids`, and their groups."""
        groups = self.report.samples["group"].iloc[self.rows]
        return OofEvidence(ids, tuple(map(str, groups)), evidence, self.metric)


def train_epoch(training: Training, loader: DataLoader[Batch], history: Sequence[Row]) -> Row:
    """Train on every training image once; returns the row of the epoch after those in `history`.

    Losses stay on the device until the end, because reading each one would make the host wait in
    every step. Raises ValueError that names the first step with a loss that is not finite, and its
    images, unless the trial skips such steps.
    """
    world, spec, epoch = training.world, training.spec, len(history) + 1
    to_training_mode(training.network, training.model, spec, epoch)
    start, images = time.perf_counter(), 0
    batches = Waited(training.watch.steps(loader, epoch, training.network))
    losses = []
    plan = loader.sampler
    assert isinstance(plan, EpochPlan)
    factors = rate_factors(spec.schedule, plan.steps, plan.total_steps, history)
    for batch, factor in zip(batches, factors, strict=True):
        set_rates(training.optimizer, factor)
        losses.append(_step(training, batch))
        images += batch.global_size
    own_S = torch.stack(losses).double()
    share_S = finite_steps(own_S, loader, spec, world, epoch, training.directory)
    training.watch.rest()
    seconds = time.perf_counter() - start
    told = torch.tensor([1.0, batches.seconds / seconds], dtype=torch.float64)
    ranks, wait_shares = world.sum_(told.to(world.device)).tolist()
    return {
        "epoch": epoch,
        "train_loss": float(share_S.mean()),
        "lr": training.optimizer.param_groups[0]["initial_lr"] * factors[0],
        "seconds": round(seconds, 4),
        "samples_per_s": round(images / seconds, 2),
        "wait_share": round(wait_shares / ranks, 4),
        "images": images,
        "ranks": int(ranks),
        **({"skipped": len(own_S) - len(share_S)} if spec.not_finite == "skip" else {}),
        **peak_memory(world),
    }


def _step(training: Training, batch: Batch) -> torch.Tensor:
    """Update the weights and their average; the batch is divided if memory does not suffice."""
    share = None
    while share is None:
        try:
            share = train_step(
                training.network, batch, training.loss, training.optimizer, training.scaler,
                training.spec, training.world,
            )  # fmt: skip
        except torch.OutOfMemoryError:
            images = len(batch.rows)
            # Outside of this block the error no longer references the step's tensors.
        if share is None:
            training.spec = with_smaller_parts(training.spec, images, training.world)
            training.notes.append(
                f"out of memory with {images} images per step: each step has "
                f"{training.spec.accumulate} parts from then on"
            )
    if training.ema is not None:
        training.ema.update_parameters(training.model)
    return share


def validate(
    training: Training, weights: nn.Module, on: Validation, epoch: int
) -> tuple[Row, Evidence]:
    """Return val_loss, val_score (the metric), val_dice and val_dice_per_class over the set, and
    the evidence that they are computed from; the same on every worker.

    Each worker takes whole units in turn. Units are the same for any number of workers, and so are
    the figures. Raises ValueError when the loss is not finite.
    """
    world, size = training.world, training.spec.at_once
    report, rows = on.report, on.rows
    frame = Frame(training.spec.framing, on.cache.largest)

    def mine() -> Iterator[tuple[int, Unit]]:
        start = 0
        for number, unit in enumerate(units(on.cache, frame, rows, on.scaling, size)):
            training.watch.rest()
            if number % world.size == world.rank:
                yield start, unit
            start += len(unit.rows)

    world.share_buffers(weights)
    beside = gathered(on.metric)
    judging = Judging(
        on.cache, frame, len(rows), len(report.classes), report.target, training.loss, beside
    )
    counts_NK3, loss_N, figures_NGK = evaluate(
        weights, mine(), judging, training.spec.precision, world, training.notes
    )
    val_loss = float(loss_N.sum() / len(rows))
    if not math.isfinite(val_loss):
        names = on.cache.ids.take(rows[~loss_N.isfinite().cpu().numpy()][:5]).to_pylist()
        raise ValueError(
            f"the validation loss is {val_loss} at epoch {epoch} (images {', '.join(names)}): "
            "lower optimizer.lr"
        )
    counts = counts_NK3.cpu().numpy()
    counted_K = occurring(counts)
    training.notes += [
        f"{report.classes[number]} has no labeled pixel in the {len(rows)} images that are "
        "validated on: it counts in no score"
        for number in np.flatnonzero(~counted_K)
    ]
    evidence = Evidence(counts, beside, figures_NGK.cpu().numpy(), counted_K)
    dice_K = foreground_dice(counts)
    figures = {
        "val_loss": val_loss,
        "val_score": score(on.metric, evidence),
        "val_dice": mean_foreground_dice(counts if counted_K.all() else counts[:, counted_K]),
        "val_dice_per_class": [
            float(dice) if counted else None
            for dice, counted in zip(dice_K, counted_K[1:], strict=True)
        ],
    }
    return figures, evidence
