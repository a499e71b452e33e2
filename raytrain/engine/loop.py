"""The state of a training, and one epoch of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from raytrain.config.shipping import SwaSpec, candidates
from raytrain.config.trial import TrialSpec
from raytrain.data.dataset import Batch
from raytrain.data.epoch_plan import EpochPlan
from raytrain.engine.finite import finite_steps
from raytrain.engine.memory import device_used, with_smaller_parts
from raytrain.engine.pace import Waited
from raytrain.engine.parallel import World
from raytrain.engine.schedules import rate_factors, set_rates
from raytrain.engine.start import to_training_mode
from raytrain.engine.step import train_step
from raytrain.engine.training_loss import TrainingLoss
from raytrain.engine.watchdog import UNWATCHED, Watch
from raytrain.runs.chosen_epochs import in_swa
from raytrain.runs.history import Row


@dataclass
class Training:
    """The state and the settings of one training."""

    network: nn.Module
    """The network that a step calls: the model, which may be wrapped for several workers and
    compiled."""
    model: nn.Module
    """The network itself, neither wrapped for several workers nor compiled."""
    ema: AveragedModel | None
    swa: AveragedModel | None
    """The mean over epochs, if a kind of shipped weights needs it."""
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    loss: TrainingLoss
    spec: TrialSpec
    """The trial's spec, except that the batch may have been divided to fit into memory."""
    world: World
    notes: list[str] = field(default_factory=list)
    """Notes for the next row of the history."""
    directory: Path = Path()
    """Folder for saved batches whose loss is not finite."""
    watch: Watch = UNWATCHED
    """The watch that notices when a step hangs."""
    hold: str = "host"
    """Where the windows are kept: `host` or `device`."""

    @property
    def kept(self) -> nn.Module:
        """The network whose weights are evaluated and saved: the moving average, or the bare
        network if there is no average."""
        return self.model if self.ema is None else self.ema.module

    def news(self, history: Sequence[Row]) -> Row:
        """Return the notes that no earlier row contains, under the key `notes`, or an empty row.
        The notes are then deleted here."""
        told = [note for row in history for note in row.get("notes", [])]
        new = [note for note in dict.fromkeys(self.notes) if note not in told]
        self.notes = []
        return {"notes": new} if new else {}

    def state(self, history: list[Row]) -> dict[str, Any]:
        """Return everything from which training resumes. `model` holds the weights that are
        evaluated and saved."""
        return {
            "epoch": len(history),
            "model": self.kept.state_dict(),
            "train_model": self.model.state_dict(),
            "ema": self.ema.state_dict() if self.ema is not None else None,
            "swa": self.swa.state_dict() if self.swa is not None else None,
            "optimizer": self.optimizer.state_dict(),
            "accumulate": self.spec.accumulate,
            "hold": self.hold,
            "scaler": self.scaler.state_dict(),
            "history": history,
        }

    def average(self, epoch: int) -> None:
        """Add the weights after this epoch to the mean over epochs, if the epoch belongs to the
        mean."""
        spec = self.spec
        swa = [kind for kind in candidates(spec.ship) if isinstance(kind, SwaSpec)]
        if self.swa is not None and in_swa(swa[0], epoch, spec.epochs):
            self.swa.update_parameters(self.kept)


def train_epoch(training: Training, loader: DataLoader[Batch], history: Sequence[Row]) -> Row:
    """Train for one epoch of `EpochPlan`; returns the row of the epoch, which follows those in
    `history`.

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
    own = torch.tensor([1.0, batches.seconds / seconds], dtype=torch.float64)
    ranks, wait_shares = world.sum_(own.to(world.device)).tolist()
    return {
        "epoch": epoch,
        "train_loss": float(share_S.mean()),
        "lr": training.optimizer.param_groups[0]["initial_lr"] * factors[0],
        "seconds": round(seconds, 4),
        "samples_per_s": round(images / seconds, 2),
        "wait_share": round(wait_shares / ranks, 4),
        "images": images,
        "ranks": int(ranks),
        **({"hold": "device"} if training.hold == "device" else {}),
        **({"skipped": len(own_S) - len(share_S)} if spec.not_finite == "skip" else {}),
        **device_used(world),
    }


def _step(training: Training, batch: Batch) -> torch.Tensor:
    """Update the weights and their moving average; returns this worker's share of the loss. If
    memory does not suffice, the batch is divided."""
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
                f"out of memory with {images} images per step: from then on, each worker's share "
                f"of a step has {training.spec.accumulate} parts"
            )
    if training.ema is not None:
        training.ema.update_parameters(training.model)
    return share
