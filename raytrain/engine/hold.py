"""Where the training windows are kept: on the device if they fit, else on the host."""

from typing import Literal

import numpy as np
import torch
from torch.utils.data import DataLoader

from raytrain.config.models import PixelsBase
from raytrain.config.trial import TrialSpec
from raytrain.data.batched.augmenter import undoable
from raytrain.data.cache import Cache
from raytrain.data.dataset import Batch, Scaling, train_loader
from raytrain.data.epoch_plan import EpochPlan
from raytrain.data.framing import Frame
from raytrain.data.held import held_bytes, held_loader
from raytrain.engine.memory import GB, free_memory
from raytrain.engine.parallel import World
from raytrain.runs.record import Task

HeldIn = Literal["device", "host"]
SHARE = 0.5
"""Largest share of the free memory for the windows; training needs the rest."""


def hold_problem(spec: TrialSpec) -> str | None:
    """Return why a trial with `hold: device` cannot augment its windows on the device, or None."""
    names = undoable(spec.augmentation)
    if spec.hold != "device" or not names:
        return None
    return (
        f"trial.hold: device: {', '.join(names)} cannot be done on the device; remove "
        f"{'it' if len(names) == 1 else 'them'} from trial.augmentation, or set trial.hold to auto "
        "or host"
    )


def hold_place(
    spec: TrialSpec, cache: Cache, rows: np.ndarray, world: World, before: HeldIn | None
) -> tuple[HeldIn, str | None]:
    """Return where to keep the windows, which is the same on every worker, and a note for the
    record.

    `before` is the place in the epochs before a resume. Raises ValueError when the trial requires
    the device and the windows do not fit there.
    """
    here = spec.hold == "host" or isinstance(spec.model, PixelsBase)
    if here or before == "host" or (spec.hold == "auto" and world.device.type == "cpu"):
        return "host", None
    if names := undoable(spec.augmentation):
        return "host", f"windows held on the host: the device cannot apply {', '.join(names)}"
    frame = Frame(spec.framing, cache.largest)
    need = held_bytes(cache, frame, frame.windows(cache, rows))
    free = free_memory(world.device)
    lacking = world.sum_(torch.tensor(int(need > SHARE * free), device=world.device))
    if not int(lacking):
        return "device", None
    size = f"{need / GB:.3g} GB of windows"
    reason = f"{size} are more than half of the {free / GB:.3g} GB that are free on the device"
    if spec.hold == "device":
        raise ValueError(f"trial.hold: {reason}; set trial.hold to auto or host")
    return "host", f"windows held on the host: {reason}"


def placed_loader(
    task: Task, cache: Cache, rows: np.ndarray, scaling: Scaling, world: World, place: HeldIn
) -> tuple[DataLoader[Batch], EpochPlan]:
    """Return training batches of windows that are kept at `place`, and their plan; set `plan.epoch`
    before each pass."""
    if place == "device":
        return held_loader(cache, rows, scaling, task.spec, world.rank, world.size, world.device)
    return train_loader(cache, rows, scaling, task.spec, world.rank, world.size, task.loaders)
