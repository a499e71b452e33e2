"""Steps of an ensemble are fitted out of fold, and kept where they help."""

import pytest

from raytrain.config.steps import QuantileStep, SmallestAreaStep, ThresholdStep
from raytrain.ensemble.choose import choose
from raytrain.ensemble.fit_steps import fitted
from raytrain.ensemble.nested import Plan
from raytrain.metrics import score
from tests.noisy_members import DICE, noisy, options, pool_of, shy, truths


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


def test_a_step_that_only_a_fold_has_excludes_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The threshold is kept although the one of all images is off."""
    true_NHW = truths(24)
    pool = pool_of([shy(true_NHW)], true_NHW)

    def of_folds_alone(pool, plan, kind, classes):
        found, curves = fitted(pool, plan, kind, classes)
        return Plan(found.nested, plan.chosen), curves

    monkeypatch.setattr("raytrain.ensemble.choose.fitted", of_folds_alone)
    plan, rows = choose(pool, options(1, steps=(ThresholdStep, QuantileStep)))
    assert [row.name for row in rows] == ["best single", "threshold"]
    assert rows[1].kept
    assert plan.chosen.steps == ()


def test_small_areas_are_removed_where_they_are_noise() -> None:
    true_NHW = truths(24)
    specks = noisy(true_NHW, 0.1, 1)
    specks[:, :, 1, 1] = specks[:, :, 10, 10] = [0.2, 0.8]
    plan, _ = choose(pool_of([specks], true_NHW), options(1, steps=(SmallestAreaStep,)))
    [step] = plan.chosen.steps
    assert 1 < step.at[0] <= 64
    [evidence] = pool_of([specks], true_NHW).evidence([plan.chosen])
    assert score(DICE, evidence) > 0.99
