"""Domains inside what is chosen, misfits, and sampled values in the objects that are built."""

import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
import yaml

from raytrain.config.load import load_job
from raytrain.config.space import LISTS, Given, cells, count_cells, covering, resolve, with_values
from raytrain.config.space_check import combinations, space_problems
from raytrain.config.space_draws import RandomPoint, grid_trials, sample_trials
from raytrain.config.space_points import points_of
from raytrain.config.trial import TrialSpec
from raytrain.engine.optimizers import build_optimizer
from raytrain.losses import build_loss
from tests.model_cases import on_meta

BASE = TrialSpec()
SPACE: dict[str, Any] = {
    "model": {
        "choice": [
            {"name": "smp", "decoder": "fpn", "encoder": {"choice": ["resnet18", "resnet34"]}},
            {"name": "smp", "decoder": "linknet", "encoder": {"choice": ["mobilenet_v2"]}},
            {"name": "unet", "width": {"integer": [4, 8]}, "up": {"grid": ["bilinear"]}},
        ]
    },
    "optimizer": {
        "choice": [
            {"name": "sgd", "momentum": {"uniform": [0.8, 0.99]}, "nesterov": True},
            {"name": "adam", "lr": {"loguniform": [1e-4, 1e-2]}},
        ]
    },
    "loss": {
        "choice": [
            [{"name": "focal", "gamma": {"uniform": [1, 3]}}],
            [{"name": "cross_entropy"}],
        ]
    },
}


@pytest.mark.parametrize("seed", range(3))
def test_a_domain_exists_only_where_it_was_chosen(seed: int) -> None:
    trials = sample_trials(SPACE, BASE, 60, seed)
    networks = {
        (t.model.decoder, t.model.encoder) if t.model.name == "smp" else t.model.name
        for t in trials
    }
    assert networks == {
        ("fpn", "resnet18"), ("fpn", "resnet34"), ("linknet", "mobilenet_v2"), "unet",
    }  # fmt: skip
    for trial in trials:
        if trial.optimizer.name == "sgd":
            assert 0.8 <= trial.optimizer.momentum <= 0.99
            assert trial.optimizer.nesterov
        else:
            assert 1e-4 <= trial.optimizer.lr <= 1e-2
    assert len({t.optimizer.momentum for t in trials if t.optimizer.name == "sgd"}) > 10


@pytest.mark.parametrize("seed", range(4))
def test_sampled_values_stand_in_the_built_model_loss_and_optimizer(seed: int) -> None:
    for trial in sample_trials(SPACE, BASE, 6, seed):
        model = on_meta(trial.model, 1, 4)
        optimizer = build_optimizer(trial.optimizer, model)
        group = optimizer.param_groups[0]
        if trial.optimizer.name == "sgd":
            assert isinstance(optimizer, torch.optim.SGD)
            assert (group["momentum"], group["nesterov"]) == (trial.optimizer.momentum, True)
        else:
            assert isinstance(optimizer, torch.optim.Adam)
        assert group["lr"] == trial.optimizer.lr
        if trial.model.name == "unet":
            convolutions = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
            assert convolutions[0].out_channels == trial.model.width
        else:
            kind = {"fpn": smp.FPN, "linknet": smp.Linknet}[trial.model.decoder]
            assert any(isinstance(module, kind) for module in model.modules())
        # Four classes, all alike: p = 1/4.
        [term] = trial.loss
        loss = build_loss(trial.loss, "single_label", (9, 3, 2, 1))
        value = loss(torch.zeros(1, 4, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long))
        factor = 0.75**term.gamma if term.name == "focal" else 1
        assert float(value) == pytest.approx(factor * math.log(4), rel=1e-5)


def test_every_combination_of_lists_is_a_cell_and_the_sampler_of_grids_gives_them_all() -> None:
    space = {
        "model.width": {"grid": [4, 8]},
        "optimizer": {
            "choice": [
                {"name": "sgd", "momentum": {"choice": [0.5, 0.9]}},
                {"name": "adam"},
            ]
        },
    }
    assert count_cells(space, LISTS) == len(list(cells(space, LISTS))) == 6
    trials = grid_trials(space, BASE, 100, seed=1)
    found = {(t.model.width, t.optimizer.name, getattr(t.optimizer, "momentum", 0)) for t in trials}
    rest = (("sgd", 0.5), ("sgd", 0.9), ("adam", 0))
    assert found == {(width, *optimizer) for width, optimizer in product((4, 8), rest)}
    assert len(trials) == 6
    assert grid_trials(space, BASE, 4, seed=1) == trials[:4]
    assert grid_trials(space, BASE, 6, seed=2) != trials


def test_few_points_hold_every_value() -> None:
    points = covering(SPACE)
    chosen = {(key, value) for point in points for key, value in point.items()}
    for key, count in (
        ("model", 3), ("model[0].encoder", 2), ("optimizer", 2), ("loss", 2),
    ):  # fmt: skip
        assert {(key, number) for number in range(count)} <= chosen
    assert {("model[2].width", 4), ("model[2].width", 8), ("loss[0].0.gamma", 1)} <= chosen
    assert len(points) == 6
    for point in points:
        with_values(BASE, resolve(SPACE, Given(point)))


@pytest.mark.parametrize("seed", range(5))
def test_a_specs_place_in_the_space_is_found_again(seed: int) -> None:
    for trial in sample_trials(SPACE, BASE, 20, seed):
        longer = trial.model_copy(update={"epochs": 7})
        point = next(points_of(SPACE, longer))
        again = with_values(BASE, resolve(SPACE, Given(point)))
        assert again == trial
    elsewhere = BASE.model_copy(update={"model": trial.model})
    assert elsewhere.optimizer.name == "adam"
    outside = with_values(BASE, {"optimizer": {"name": "rmsprop"}})
    assert list(points_of(SPACE, outside)) == []
    assert list(points_of({"optimizer.lr": {"uniform": [0.1, 0.2]}}, BASE)) == []


def test_values_that_do_not_go_together_are_told_with_both() -> None:
    space = {
        "optimizer": {"choice": [{"name": "sgd"}, {"name": "adam"}]},
        "optimizer.momentum": {"uniform": [0.8, 0.99]},
    }
    [problem] = space_problems(space, BASE)
    assert problem.startswith("search.space.optimizer.momentum: in trial.optimizer.momentum: ")
    assert "together with optimizer: {'name': 'adam'}; write optimizer.momentum inside" in problem
    space["optimizer"] = {"choice": [{"name": "sgd"}]}
    assert space_problems(space, BASE) == []


def test_a_misfit_of_three_is_found_among_all_combinations() -> None:
    space = {
        "model": {"choice": [{"name": "smp"}, {"name": "unet"}]},
        "model.decoder": {"choice": ["fpn"]},
        "batch_size": {"choice": [2, 4, 8]},
    }
    [problem] = space_problems(space, BASE)
    assert "unknown key 'decoder'" in problem
    assert "model: {'name': 'unet'}" in problem


def test_a_domain_within_is_checked_as_one_outside() -> None:
    space = {
        "optimizer": {
            "choice": [
                {"name": "sgd", "momentum": {"unifrom": [0.8, 0.9]}},
                {"name": "sgd", "momentum": {"uniform": [0.9, 0.8]}},
                {"name": "sgd", "momentum": {"choice": []}},
            ]
        },
        "model": {"choice": [{"name": "unet", "width": {"integer": [0, 3]}}]},
    }
    expected = [
        ("optimizer.choice[0].momentum", "did you mean 'uniform'"),
        ("optimizer.choice[1].momentum.uniform", "two numbers in rising order (got [0.9, 0.8])"),
        ("optimizer.choice[2].momentum.choice", "give a list (got [])"),
        ("model", "in trial.model.width: input should be greater than or equal to 1 (got 0)"),
    ]
    problems = space_problems(space, BASE)
    assert len(problems) == len(expected)
    for problem, (path, words) in zip(problems, expected, strict=True):
        assert problem.startswith(f"search.space.{path}: ")
        assert words in problem


def test_a_large_space_is_tried_in_part_and_every_value_at_least_once() -> None:
    space = {
        "seed": {"choice": list(range(60))},
        "batch_size": {"choice": list(range(1, 61))},
        "epochs": {"choice": [*range(1, 60), 0]},
    }
    assert count_cells(space, LISTS) == 60**3
    assert len(combinations(space)) < 4000
    [problem] = space_problems(space, BASE)
    assert "greater than or equal to 1 (got 0)" in problem


def test_a_draw_can_be_given_in_part() -> None:
    rng = np.random.default_rng(0)
    drawn = [
        resolve(SPACE, RandomPoint(rng, {"optimizer": 1}))["optimizer"]["name"] for _ in range(20)
    ]
    assert set(drawn) == {"adam"}


def test_a_job_with_a_misfit_does_not_load(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    tree = {
        "competition": {"name": "c", "data": "d", "classes": ["a", "b"]},
        "search": {"space": {"model.depth": {"choice": [3]}, "model.name": {"choice": ["ning"]}}},
    }
    path.write_text(yaml.safe_dump(tree))
    with pytest.raises(ValueError, match=r"search\.space\.model\.depth: in .* 'depth'"):
        load_job(path)
