"""Learning-rate schedules against torch's own, step by step."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch.optim import lr_scheduler

from raytrain.config.job import JobSpec
from raytrain.config.optimizers import OptimizerSpec, PlateauSpec, ScheduleSpec
from raytrain.engine.optimizers import build_optimizer
from raytrain.engine.schedules import SCHEDULES, rate_factors, set_rates
from raytrain.pipeline.finalize import final_problems

STEPS, EPOCHS = 7, 10
PAST = [{"val_loss": 1.0, "val_dice": 0.1, "train_loss": 2.0}] * EPOCHS


def _schedule(values: dict[str, Any]) -> ScheduleSpec:
    return TypeAdapter(ScheduleSpec).validate_python(values)


def _factors(values: dict[str, Any], steps: int = STEPS, epochs: int = EPOCHS) -> list[float]:
    spec = _schedule(values)
    parts = [rate_factors(spec, steps, steps * epochs, PAST[:epoch]) for epoch in range(epochs)]
    return list(itertools.chain(*parts))


def _torchs(make: Callable[[torch.optim.Optimizer], Any], every: int) -> list[float]:
    """Rates of torch's scheduler, stepped after so many steps."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for step in range(1, STEPS * EPOCHS + 1):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step % every == 0 and step < STEPS * EPOCHS:
            scheduler.step()
    return rates


@pytest.mark.parametrize(
    ("values", "make", "every"),
    [
        ({"name": "constant"}, lambda o: lr_scheduler.ConstantLR(o, 1.0), 1),
        (
            {"name": "step", "every": 3, "factor": 0.5},
            lambda o: lr_scheduler.StepLR(o, 3, 0.5),
            STEPS,
        ),
        (
            {"name": "multi_step", "milestones": [2, 3, 8], "factor": 0.3},
            lambda o: lr_scheduler.MultiStepLR(o, [2, 3, 8], 0.3),
            STEPS,
        ),
        (
            {"name": "cosine", "floor": 0.1},
            lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS * EPOCHS, 0.1),
            1,
        ),
        (
            {"name": "polynomial", "power": 0.9},
            lambda o: lr_scheduler.PolynomialLR(o, STEPS * EPOCHS, 0.9),
            1,
        ),
        (
            {"name": "one_cycle", "pct_start": 0.2, "div_factor": 10, "final_div_factor": 50},
            lambda o: lr_scheduler.OneCycleLR(
                o, 1.0, total_steps=STEPS * EPOCHS, pct_start=0.2, div_factor=10,
                final_div_factor=50, cycle_momentum=False,
            ),
            1,
        ),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)  # fmt: skip
def test_every_step_has_torchs_rate(
    values: dict[str, Any], make: Callable[[torch.optim.Optimizer], Any], every: int
) -> None:
    assert _factors(values) == pytest.approx(_torchs(make, every), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("watch", ["val_loss", "val_dice", "train_loss"])
def test_plateau_follows_torchs_through_the_history(watch: str) -> None:
    sign = -1 if watch == "val_dice" else 1
    losses = [0.9, 0.8, 0.85, 0.81, 0.7, 0.71, 0.72, 0.73, 0.74, 0.3, 0.4, 0.5]
    rows = [{watch: sign * loss} for loss in losses]
    spec = PlateauSpec(watch=watch, factor=0.5, patience=1, cooldown=1, floor=0.2)
    # By hand: nothing new for two epochs at 4 (best .8), and at 7 and, after one epoch that does
    # not count, 10 would be the next, but .3 is better; then two without.
    expected = [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25]
    found = [rate_factors(spec, 2, 40, rows[:epoch]) for epoch in range(len(rows))]
    assert found == [[rate, rate] for rate in expected]
    # 12 epochs are over: the rate falls to its floor.
    assert rate_factors(spec, 1, 20, rows) == [0.2]


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(
    ("warmup", "risen"), [(0, 0), (0.5, 4), (1, 7), (2.5, 18), (10, 70), (12, 84)]
)
def test_the_rate_rises_linearly_before_the_schedule_begins(
    name: str, warmup: float, risen: int
) -> None:
    extra = {"milestones": [4]} if name == "multi_step" else {}
    found = _factors({"name": name, "warmup_epochs": warmup, **extra})
    assert len(found) == STEPS * EPOCHS
    expected = [(step + 1) / (risen + 1) for step in range(risen)]
    assert found[:risen] == pytest.approx(expected[: len(found)])
    if risen < len(found):
        start = 1 / 25 if name == "one_cycle" else 1.0
        assert found[risen] == pytest.approx(start)
    assert all(0 <= factor <= 1 for factor in found)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(("steps", "epochs"), [(1, 1), (1, 2), (2, 1), (1, 5)])
def test_the_shortest_trainings_have_rates_too(name: str, steps: int, epochs: int) -> None:
    extra = {"milestones": [1]} if name == "multi_step" else {}
    found = _factors({"name": name, **extra}, steps, epochs)
    assert len(found) == steps * epochs
    assert all(0 <= factor <= 1 for factor in found)


def test_every_group_follows_the_schedule_from_its_own_rate() -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1))
    model.encoder = torch.nn.Conv2d(1, 1, 1)
    spec = TypeAdapter(OptimizerSpec).validate_python(
        {"name": "sgd", "lr": 0.4, "encoder_lr_factor": 0.25}
    )
    optimizer = build_optimizer(spec, model)
    for factor in (0.5, 0.1):
        set_rates(optimizer, factor)
        rates = [group["lr"] for group in optimizer.param_groups]
        assert rates == pytest.approx([0.4 * factor, 0.1 * factor])


@pytest.mark.parametrize("milestones", [[], [3, 3], [5, 2], [0]])
def test_milestones_rise(milestones: list[int]) -> None:
    with pytest.raises(ValidationError):
        _schedule({"name": "multi_step", "milestones": milestones})


def test_a_member_has_no_validation_to_watch(tmp_path: Path) -> None:
    competition = {"name": "t", "data": str(tmp_path), "classes": ["a", "b"]}

    def problems(watch: str, space: dict[str, Any]) -> list[str]:
        trial = {"schedule": {"name": "plateau", "watch": watch}}
        tree = {"competition": competition, "trial": trial, "search": {"space": space}}
        return final_problems(JobSpec.model_validate(tree))

    (problem,) = problems("val_loss", {})
    assert problem.startswith(
        "trial.schedule.watch: members train on all labeled images and have no val_loss"
    )
    assert problems("train_loss", {}) == []
    assert problems("train_loss", {"schedule.watch": {"grid": ["train_loss", "val_dice"]}})
    assert problems("val_loss", {"schedule": {"grid": [{"name": "cosine"}]}}) == []
