"""Populations: who is replaced by whom, with which rates, and what no population can be."""

from collections import Counter
from typing import Any

import pytest

from raytrain.cluster.population import parents_of, successor
from raytrain.config.changes import ChangeSpec
from raytrain.config.optimizers import AdamSpec
from raytrain.config.schedulers import PbtSpec
from raytrain.config.search import SearchSpec
from raytrain.config.trial import TrialSpec

RATE = {"loguniform": [1e-4, 1e-1]}


@pytest.mark.parametrize(
    ("scores", "quantile", "replaced", "parents"),
    [
        ({"a": 0.1, "b": 0.4, "c": 0.3, "d": 0.2}, 0.25, {"a"}, {"b"}),
        ({"a": 0.1, "b": 0.4, "c": 0.3, "d": 0.2}, 0.5, {"a", "d"}, {"b", "c"}),
        # Ray Tune rounds up, but never beyond the half.
        ({"a": 0.1, "b": 0.4, "c": 0.3, "d": 0.2, "e": 0.0}, 0.25, {"a", "e"}, {"b", "c"}),
        ({"a": 0.1, "b": 0.4, "c": 0.3}, 0.5, {"a"}, {"b"}),
        # Equals in the order of their names.
        ({"b": 0.3, "a": 0.3}, 0.25, {"b"}, {"a"}),
        ({"a": 0.3}, 0.5, set(), set()),
        ({}, 0.5, set(), set()),
    ],
)
def test_the_last_are_replaced_from_the_first(
    scores: dict[str, float], quantile: float, replaced: set[str], parents: set[str]
) -> None:
    found = [parents_of(scores, PbtSpec(quantile=quantile), seed) for seed in range(20)]
    assert all(set(each) == replaced for each in found)
    assert {parent for each in found for parent in each.values()} == parents


def test_rates_are_perturbed_or_drawn_anew_within_their_domain() -> None:
    parent = TrialSpec(
        optimizer=AdamSpec(lr=1e-2), changes=(ChangeSpec(after=2, values={"optimizer.lr": 2e-2}),)
    )
    found: Counter[float] = Counter()
    for number in range(400):
        spec = successor(parent, 4, {"optimizer.lr": RATE}, 0.25, (number, "a"), [])
        assert spec is not None
        assert spec.changes[:1] == parent.changes
        assert spec.changes[1].after == 4
        found[spec.at(5).optimizer.lr] += 1
    assert all(1e-4 <= rate <= 1e-1 for rate in found)
    low, high = found.pop(0.016), found.pop(0.024)
    # 400 draws, three quarters perturbed: 150 each way, SD 10; the rest are spread.
    assert 110 <= low <= 190
    assert 110 <= high <= 190
    assert len(found) > 60


def test_lists_move_by_one_place_and_ranges_end_at_their_ends() -> None:
    changing = {
        "optimizer.lr": {"loguniform": [1e-3, 1.1e-2]},
        "clip_norm": {"choice": [0.5, 1.0, 2.0]},
    }
    parent = TrialSpec(optimizer=AdamSpec(lr=1e-2), clip_norm=0.5)
    found = [successor(parent, 1, changing, 0.0, (number, "a"), []) for number in range(60)]
    values = {(spec.at(2).optimizer.lr, spec.at(2).clip_norm) for spec in found if spec}
    assert values == {(8e-3, 0.5), (8e-3, 1.0), (1.1e-2, 0.5), (1.1e-2, 1.0)}


def test_where_all_rates_are_taken_there_is_no_successor() -> None:
    parent = TrialSpec(clip_norm=1.0)
    changing = {"clip_norm": {"choice": [1.0, 2.0]}}
    first = successor(parent, 1, changing, 0.5, (0, "a"), [])
    assert first is not None
    assert first.at(2).clip_norm == 2.0
    assert successor(parent, 1, changing, 0.5, (0, "b"), [first]) is None


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"space": {"model.width": {"choice": [4, 8]}}}, "nothing in the space can be perturbed"),
        ({"trials": 1}, "at least two members"),
        ({"workers": 2}, "trials of several workers run on past a generation's end"),
        ({"sampler": {"name": "tpe"}}, "which tpe needs"),
        ({"repeats": {"seeds": 2}}, "pbt would stop some repeats"),
        (
            {"space": {"optimizer.lr": RATE, "epochs": {"choice": [2, 4]}}},
            "take epochs out of the space",
        ),
        (
            {"space": {"optimizer.lr": RATE, "optimizer.momentum": {"choice": [0, 0.9]}}},
            "it cannot be switched on or off",
        ),
    ],
)
def test_what_no_population_can_be_is_refused(changed: dict[str, Any], text: str) -> None:
    tree = {"scheduler": {"name": "pbt"}, "space": {"optimizer.lr": RATE}, **changed}
    with pytest.raises(ValueError, match="1 validation error") as caught:
        SearchSpec.model_validate(tree)
    assert text in str(caught.value)
