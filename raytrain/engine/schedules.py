"""Learning-rate schedules as functions of the epoch and the history, so that a resumed run needs no
further state.

They are closed forms of the step; `plateau` uses the history, which every resume reads.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from raytrain.config.optimizers import (
    ConstantSpec,
    CosineSpec,
    MultiStepSpec,
    OneCycleSpec,
    PlateauSpec,
    PolynomialSpec,
    ScheduleSpec,
    StepSpec,
)
from raytrain.runs.history import Row


@dataclass(frozen=True)
class Part:
    """The steps of one epoch, without those of the warm-up."""

    steps: range
    """Step numbers; 0 is the first step after the warm-up."""
    total: int
    """Number of steps after the warm-up in all epochs."""
    past: Sequence[Row]
    """The rows of the previous epochs, including those of the warm-up."""


def _constant(spec: ConstantSpec, part: Part) -> list[float]:
    return [1.0] * len(part.steps)


def _step(spec: StepSpec, part: Part) -> list[float]:
    return [spec.factor ** (len(part.past) // spec.every)] * len(part.steps)


def _multi_step(spec: MultiStepSpec, part: Part) -> list[float]:
    passed = sum(epoch <= len(part.past) for epoch in spec.milestones)
    return [spec.factor**passed] * len(part.steps)


def _cosine(spec: CosineSpec, part: Part) -> list[float]:
    return [_between(1.0, spec.floor, step / part.total) for step in part.steps]


def _one_cycle(spec: OneCycleSpec, part: Part) -> list[float]:
    low = 1 / spec.div_factor
    top, end = spec.pct_start * part.total - 1, part.total - 1

    def factor(step: int) -> float:
        if step <= top:
            return _between(low, 1.0, step / top) if top > 0 else 1.0
        return _between(1.0, low / spec.final_div_factor, (step - top) / (end - top))

    return [factor(step) for step in part.steps]


def _polynomial(spec: PolynomialSpec, part: Part) -> list[float]:
    return [(1 - step / part.total) ** spec.power for step in part.steps]


def _plateau(spec: PlateauSpec, part: Part) -> list[float]:
    unit = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    judge = ReduceLROnPlateau(
        unit,
        mode="min" if spec.watch.endswith("loss") else "max",
        factor=spec.factor,
        patience=spec.patience,
        threshold=spec.threshold,
        threshold_mode="abs",
        cooldown=spec.cooldown,
        min_lr=spec.floor,
        eps=0,
    )
    for row in part.past:
        judge.step(row[spec.watch])
    return [unit.param_groups[0]["lr"]] * len(part.steps)


SCHEDULES: dict[str, Callable[[Any, Part], list[float]]] = {
    "constant": _constant,
    "step": _step,
    "multi_step": _multi_step,
    "cosine": _cosine,
    "one_cycle": _one_cycle,
    "polynomial": _polynomial,
    "plateau": _plateau,
}
"""Name -> function that returns, for each step of an epoch (`Part`), the factor of the learning
rate."""


def rate_factors(spec: ScheduleSpec, steps: int, total: int, history: Sequence[Row]) -> list[float]:
    """Return the factor of the learning rates for each of the `steps` steps of the epoch after
    those in `history`. If the training's `total` steps end in this epoch, there are fewer
    factors."""
    warmup = round(spec.warmup_epochs * steps)
    first = steps * len(history)
    end = min(first + steps, total)
    rising = range(first, min(max(first, warmup), end))
    after = range(first + len(rising) - warmup, end - warmup)
    part = Part(after, total - warmup, history)
    return [(step + 1) / (warmup + 1) for step in rising] + SCHEDULES[spec.name](spec, part)


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every parameter group's rate to `factor` times its initial rate."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


def _between(start: float, end: float, progress: float) -> float:
    """Return half a cosine from `start` to `end`, as `progress` goes from 0 to 1."""
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
