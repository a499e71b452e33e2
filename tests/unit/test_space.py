"""Search spaces: distinct trials that a seed decides, grids first covered, values where asked."""

import copy
from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import pytest

from raytrain.config.load import job_from
from raytrain.config.named import named_parts
from raytrain.config.space import set_path, with_values
from raytrain.config.space_check import space_problems
from raytrain.config.space_draws import sample_trials
from raytrain.config.trial import TrialSpec

BASE = TrialSpec()
SPACE: dict[str, Any] = {
    "model": {"choice": [{"name": "unet", "width": 8}, {"name": "smp", "decoder": "fpn"}]},
    "loss": {"grid": [[{"name": "dice"}], [{"name": "cross_entropy"}, {"name": "dice"}]]},
    "batch_size": {"integer": [2, 16]},
    "ema": {"uniform": [0.9, 0.99]},
    "optimizer.lr": {"loguniform": [1e-4, 1e-1]},
}


def _losses(trials: list[TrialSpec]) -> list[tuple[str, ...]]:
    return [tuple(term.name for term in trial.loss) for trial in trials]


def test_a_seed_decides_the_list() -> None:
    trials = sample_trials(SPACE, BASE, 12, seed=3)
    assert sample_trials(SPACE, BASE, 12, seed=3) == trials
    assert sample_trials(SPACE, BASE, 12, seed=4) != trials
    # A longer search begins with the trials of a shorter one.
    assert sample_trials(SPACE, BASE, 7, seed=3) == trials[:7]


@pytest.mark.parametrize("seed", range(5))
def test_trials_are_distinct_and_in_range(seed: int) -> None:
    trials = sample_trials(SPACE, BASE, 40, seed)
    assert len({trial.model_dump_json() for trial in trials}) == len(trials) == 40
    for trial in trials:
        assert 2 <= trial.batch_size <= 16
        assert 0.9 <= trial.ema <= 0.99
        assert 1e-4 <= trial.optimizer.lr <= 1e-1
        assert trial.model.model_dump()["name"] in ("unet", "smp")
        assert trial.epochs == BASE.epochs
    assert {trial.model.name for trial in trials} == {"unet", "smp"}


def test_ranges_are_drawn_as_they_say() -> None:
    trials = sample_trials(SPACE, BASE, 400, seed=0)
    assert {trial.batch_size for trial in trials} == set(range(2, 17))
    # Uniform in the logarithm: a third of the draws in each decade.
    decades = Counter(int(np.floor(np.log10(trial.optimizer.lr) + 1e-9)) for trial in trials)
    assert all(0.25 < decades[decade] / 400 < 0.42 for decade in (-4, -3, -2))
    thirds = Counter(int((trial.ema - 0.9) / 0.03) for trial in trials)
    assert all(0.25 < thirds[third] / 400 < 0.42 for third in (0, 1, 2))
    models = Counter(trial.model.name for trial in trials)
    assert 0.4 < models["unet"] / 400 < 0.6


def test_narrow_rates_stay_in_their_range() -> None:
    low, high = 1.2345e-3, 1.2349e-3
    trials = sample_trials({"optimizer.lr": {"loguniform": [low, high]}}, BASE, 3, seed=0)
    assert all(low <= trial.optimizer.lr <= high for trial in trials)


@pytest.mark.parametrize("seed", range(5))
def test_all_cells_of_the_grids_come_before_one_comes_again(seed: int) -> None:
    space = {
        "loss": SPACE["loss"],
        "model.width": {"grid": [4, 8, 12]},
        "optimizer.lr": SPACE["optimizer.lr"],
    }
    trials = sample_trials(space, BASE, 15, seed)
    cells = list(zip(_losses(trials), [trial.model.width for trial in trials], strict=True))
    every = set(product([("dice",), ("cross_entropy", "dice")], [4, 8, 12]))
    assert set(cells[:6]) == set(cells[6:12]) == every
    assert len(set(cells[12:])) == 3


def test_a_search_shorter_than_its_grid_draws_from_all_of_it() -> None:
    space = {"model.width": {"grid": list(range(1, 31))}}
    drawn = [t.model.width for seed in range(20) for t in sample_trials(space, BASE, 3, seed)]
    assert len(set(drawn)) > 15


def test_sampled_values_reach_the_trial() -> None:
    space = {
        "model": {"choice": [{"name": "smp", "decoder": "fpn", "encoder": "resnet34"}]},
        "optimizer": {"choice": [{"name": "sgd", "momentum": 0.5}]},
        "schedule.floor": {"choice": [0.25]},
        "augmentation": {"choice": ["flips"]},
        "loss": {"choice": [[{"name": "soft_dice", "weight": 2}]]},
    }
    [trial] = sample_trials(space, BASE, 4, seed=0)
    assert trial == TrialSpec.model_validate(
        {
            "model": {"name": "smp", "decoder": "fpn", "encoder": "resnet34"},
            "optimizer": {"name": "sgd", "momentum": 0.5},
            "schedule": {"name": "cosine", "floor": 0.25},
            "augmentation": "flips",
            "loss": [{"name": "soft_dice", "weight": 2}],
        }
    )


@pytest.mark.parametrize(
    ("space", "count"),
    [
        ({}, 1),
        ({"seed": {"choice": [5]}}, 1),
        ({"seed": {"choice": [1, 2, 3]}, "batch_size": {"choice": [2, 4]}}, 6),
        ({"seed": {"grid": [1, 2]}, "epochs": {"grid": [3, 4]}}, 4),
        ({"seed": {"grid": [1, 2]}, "epochs": {"integer": [3, 5]}}, 6),
        ({"seed": {"grid": [7, 7, 8]}}, 2),
    ],
)
def test_a_small_space_gives_fewer_trials(space: dict[str, Any], count: int) -> None:
    trials = sample_trials(space, BASE, 20, seed=0)
    assert len(trials) == len({trial.model_dump_json() for trial in trials}) == count


def test_sampling_leaves_the_space_and_the_base_as_they_were() -> None:
    space = {
        "optimizer": {"choice": [{"name": "adam"}, {"name": "sgd"}]},
        "optimizer.lr": {"choice": [1e-3, 1e-2]},
    }
    before = copy.deepcopy(space)
    trials = sample_trials(space, BASE, 4, seed=0)
    assert {(t.optimizer.name, t.optimizer.lr) for t in trials} == set(
        product(("adam", "sgd"), (1e-3, 1e-2))
    )
    assert space == before


@pytest.mark.parametrize("order", [["model", "model.width"], ["model.width", "model"]])
def test_a_part_is_set_inside_the_whole_in_any_order(order: list[str]) -> None:
    domains = {
        "model": {"choice": [{"name": "unet", "depth": 2}, {"name": "unet", "depth": 3}]},
        "model.width": {"grid": [4, 8]},
    }
    trials = sample_trials({path: domains[path] for path in order}, BASE, 20, seed=0)
    found = {(trial.model.depth, trial.model.width) for trial in trials}
    assert found == set(product((2, 3), (4, 8)))


def test_a_name_is_set_before_the_parameters_beside_it() -> None:
    space = {"optimizer.lr": {"grid": [1e-3, 1e-2]}, "optimizer.name": {"choice": ["adam", "sgd"]}}
    trials = sample_trials(space, BASE, 20, seed=0)
    found = {(trial.optimizer.name, trial.optimizer.lr) for trial in trials}
    assert found == set(product(("adam", "sgd"), (1e-3, 1e-2)))


def test_every_problem_of_a_space_is_listed() -> None:
    space = {
        "model.width": {"choice": [8, "wide", 0]},
        "modle.width": {"choice": [8]},
        "optimizer.lr": {"logunifrm": [1e-4, 1e-2]},
        "optimizer.weight_decay": {"loguniform": [0, 1]},
        "ema": {"uniform": [0.9, 0.1]},
        "seed": {"integer": [0, 2.5]},
        "batch_size": {"grid": []},
        "epochs": 3,
        "clip_norm": {"uniform": [0, 1], "choice": [1]},
        "loss": {"grid": [[{"name": "dise"}]]},
    }
    expected = [
        ("model.width", "got 'wide'"),
        ("model.width", "got 0"),
        ("modle.width", "did you mean 'model'"),
        ("optimizer.lr", "did you mean 'loguniform'"),
        ("optimizer.weight_decay.loguniform", "two numbers above 0 in rising"),
        ("ema.uniform", "two numbers in rising order"),
        ("seed.integer", "two whole numbers in rising order"),
        ("batch_size.grid", "give a list"),
        ("epochs", "write one of choice, grid, uniform, loguniform, integer"),
        ("clip_norm", "write one of"),
        ("loss", "did you mean 'dice'"),
    ]
    problems = space_problems(space, BASE)
    assert len(problems) == len(expected)
    for problem, (path, words) in zip(problems, expected, strict=True):
        assert problem.startswith(f"search.space.{path}: ")
        assert words in problem
    assert space_problems(SPACE, BASE) == []


def test_a_range_of_fractions_does_not_fit_a_whole_number() -> None:
    [problem] = space_problems({"epochs": {"uniform": [1, 9]}}, BASE)
    assert problem.startswith("search.space.epochs")


def test_values_are_set_by_their_path() -> None:
    assert with_values(BASE, {}) == BASE
    assert with_values(BASE, {"model.width": 4, "seed": 9}).model.width == 4
    tree: dict[str, Any] = {"a": {"b": 1}, "c": 5}
    for path, value in (("a.d", 2), ("c.e.f", 3), ("g", 4)):
        set_path(tree, path, value, named_parts(TrialSpec))
    assert tree == {"a": {"b": 1, "d": 2}, "c": {"e": {"f": 3}}, "g": 4}


def test_a_wrong_field_of_the_trial_hides_no_other_field_from_the_space() -> None:
    """The space varies a field of the network that is named, not of the default network."""
    model = {"name": "smp", "decoder": "unet", "encoder": "resnet18"}
    tree = {
        "competition": {"name": "x", "data": "data", "classes": ["bg", "fg"]},
        "trial": {"model": model, "framing": {"name": "resize", "height": 6, "width": 96}},
        "search": {"space": {"model.decoder": {"choice": ["unet", "fpn"]}}},
    }
    with pytest.raises(ValueError, match=r"x\.yaml: 1 problem in[^\n]*\n  trial\.framing\.height:"):
        job_from(tree, "x.yaml")
    tree["trial"] = "none"
    with pytest.raises(ValueError, match=r"\n  trial: "):
        job_from(tree, "x.yaml")
