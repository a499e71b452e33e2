"""Steps of an ensemble are fitted out of fold, and kept where they help."""

import numpy as np
import pytest

from raytrain.config.steps import QuantileStep, SmallestAreaStep, ThresholdStep
from raytrain.ensemble.choose import choose
from raytrain.ensemble.fit_steps import fitted
from raytrain.ensemble.nested import Plan, plan_of
from raytrain.metrics import score
from raytrain.runs.ensemble import Choice
from tests.noisy_members import DICE, noisy, options, pool_of, shy, truths, views


def test_a_threshold_is_fitted_where_it_helps_and_nowhere_else() -> None:
    true_NHW = truths(24)
    plan, rows = choose(pool_of([shy(true_NHW)], true_NHW), options(1, steps=(ThresholdStep,)))
    [step] = plan.chosen.steps
    assert 0.1 <= step.at[0] <= 0.35
    assert [row.kept for row in rows] == [True, True]
    curve = dict(rows[1].curves["square"])
    assert len(curve) == len(ThresholdStep.grid)
    # Half of all pixels, found or not, in the whole range between the two kinds of pixels.
    assert curve[0.5] == 0
    assert curve[0.2] == pytest.approx(rows[1].score, abs=0.02)
    right = noisy(true_NHW, 1, 1)
    plan, rows = choose(pool_of([right], true_NHW), options(1, steps=(ThresholdStep,)))
    assert plan.chosen.steps == ()
    assert rows[1].kept is False


def shifted(true_NHW: np.ndarray) -> np.ndarray:
    """prob_NKHW of a member whose log odds are too low, in each image by another amount."""
    rng = np.random.default_rng(0)
    low_N11 = rng.uniform(0, 4, len(true_NHW))[:, None, None]
    odds = 4.0 * true_NHW - 2 - low_N11 + rng.normal(size=true_NHW.shape)
    prob_NHW = 1 / (1 + np.exp(-odds))
    return np.stack([1 - prob_NHW, prob_NHW], 1).astype(np.float32)


def tried(prob_NKHW: np.ndarray, true_NHW: np.ndarray) -> tuple[Plan, dict[str, bool]]:
    """The plan, and whether the threshold and the quantile were kept."""
    pool = pool_of([prob_NKHW], true_NHW)
    plan, rows = choose(pool, options(1, steps=(ThresholdStep, QuantileStep)))
    return plan, {row.name: row.kept for row in rows[1:]}


def test_a_quantile_takes_the_place_of_a_threshold_where_it_is_better() -> None:
    """The class covers half of each image; the threshold that would find it differs."""
    true_NHW = truths(24)
    plan, kept = tried(shifted(true_NHW), true_NHW)
    assert kept == {"threshold": True, "quantile": True}
    assert {choice.steps for choice in plan.nested} == {(QuantileStep(at=(0.5,)),)}
    assert plan.chosen.steps == (QuantileStep(at=(0.5,)),)


def test_a_threshold_stays_where_a_quantile_is_not_better() -> None:
    """Images have a third or two thirds of the class, so no share suits all of them."""
    true_NHW = truths(24)
    true_NHW[::2, :2], true_NHW[1::2, -2:] = 1, 0
    plan, kept = tried(shy(true_NHW), true_NHW)
    assert kept == {"threshold": True, "quantile": False}
    assert [step.name for step in plan.chosen.steps] == ["threshold"]


def test_a_fold_keeps_its_threshold_where_the_quantile_of_the_fit_is_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true_NHW = truths(24)
    pool = pool_of([shy(true_NHW)], true_NHW)
    steps = [(), (ThresholdStep(at=(0.2,)),)] * 2 + [()]
    plan = plan_of([Choice(weights=(1,), views=views(pool), steps=each) for each in steps])
    monkeypatch.setattr(QuantileStep, "grid", (0, 0.01))  # a share that helps only without a mask
    found, curves = fitted(pool, plan, QuantileStep, ("bg", "square"))
    other = (QuantileStep(at=(0.01,)),)
    assert [choice.steps for choice in found.nested] == [other, steps[1], other, steps[1]]
    assert dict(curves["square"])[0] == 0


def test_small_areas_are_removed_where_they_are_noise() -> None:
    true_NHW = truths(24)
    specks = noisy(true_NHW, 0.1, 1)
    specks[:, :, 1, 1] = specks[:, :, 10, 10] = [0.2, 0.8]
    plan, _ = choose(pool_of([specks], true_NHW), options(1, steps=(SmallestAreaStep,)))
    [step] = plan.chosen.steps
    assert 1 < step.at[0] <= 64
    [evidence] = pool_of([specks], true_NHW).evidence([plan.chosen])
    assert score(DICE, evidence) > 0.99
