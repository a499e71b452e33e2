"""Learning-rate schedules as closed forms of the step, so that a resumed run needs no state."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR

from raytrain.config.optimizers import ConstantSpec, CosineSpec, PolynomialSpec, ScheduleSpec


def _constant(spec: ConstantSpec, progress: float) -> float:
    return 1.0


def _cosine(spec: CosineSpec, progress: float) -> float:
    return spec.floor + (1 - spec.floor) * (1 + math.cos(math.pi * progress)) / 2


def _polynomial(spec: PolynomialSpec, progress: float) -> float:
    return (1 - progress) ** spec.power


SCHEDULES: dict[str, Callable[[Any, float], float]] = {
    "constant": _constant,
    "cosine": _cosine,
    "polynomial": _polynomial,
}
"""Name -> factor of the learning rate at a progress in 0 .. 1 (after the warm-up)."""


def build_schedule(
    spec: ScheduleSpec, optimizer: torch.optim.Optimizer, steps: int, epochs: int, done: int
) -> LambdaLR:
    """A scheduler stepped once a training step: `steps` in all, `done` of them already."""
    warmup = round(spec.warmup_epochs * steps / epochs)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        # The step after the last one is asked for too, when the scheduler is advanced past it.
        progress = min(1.0, (step - warmup) / max(1, steps - warmup))
        return SCHEDULES[spec.name](spec, progress)

    for group in optimizer.param_groups:
        group["initial_lr"] = group.get("initial_lr", group["lr"])
    return LambdaLR(optimizer, factor, last_epoch=done - 1)
