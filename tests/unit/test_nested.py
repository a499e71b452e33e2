"""Nested evidence: each fold is scored by a choice that did not see it."""

import numpy as np
import pytest

from raytrain.ensemble.greedy import greedy
from raytrain.ensemble.nested import gain, nested_evidence, plan_of, scored
from raytrain.ensemble.oof_maps import weighted_mean
from raytrain.metrics import score
from raytrain.runs.ensemble import Choice
from tests.noisy_members import DICE, noisy, pool_of, truths, views


def test_the_nested_evidence_mixes_what_each_fold_was_left_with() -> None:
    true_NHW = truths(16)
    pool = pool_of([noisy(true_NHW, 2, 1), noisy(true_NHW, 2, 2)], true_NHW)
    alone = [Choice(weights=(1, 0), views=views(pool)), Choice(weights=(0, 1), views=views(pool))]
    first, second = pool.evidence(alone)
    plan = plan_of([alone[0], alone[1], alone[0], alone[1], alone[0]])
    found = nested_evidence(pool, plan)
    for row, fold in enumerate(pool.labeled.fold_N):
        expected = (first, second)[fold % 2].counts_NK3[row]
        assert found.counts_NK3[row].tolist() == expected.tolist()


def test_the_gain_of_a_score_over_itself_is_a_tie() -> None:
    true_NHW = truths(16)
    pool = pool_of([noisy(true_NHW, 2, 1)], true_NHW)
    [evidence] = pool.evidence([Choice(weights=(1,), views=views(pool))])
    each = scored(DICE, evidence, pool.labeled.groups_N)
    found = gain(each, each)
    assert (found.mean, found.low, found.high, found.wins, found.is_kept) == (0, 0, 0, 0.5, False)
    assert each.score == pytest.approx(score(DICE, evidence), abs=1e-12)
    low, high = each.interval
    assert low < each.score < high


@pytest.mark.parametrize(("gaining", "kept"), [(1, False), (5, False), (6, True)])
def test_a_gain_of_fewer_than_six_groups_is_luck(gaining: int, kept: bool) -> None:
    """The other groups score the same, so every draw with one of the few is a win."""
    true_NHW = truths(24)
    right = np.stack([1 - true_NHW, true_NHW], 1).astype(np.float32)
    specks = right.copy()
    specks[: 2 * gaining, 0, 0, 0], specks[: 2 * gaining, 1, 0, 0] = (
        right[: 2 * gaining, 1, 0, 0], right[: 2 * gaining, 0, 0, 0],
    )  # fmt: skip
    pool = pool_of([specks, right], true_NHW)
    alone = [Choice(weights=each, views=views(pool)) for each in ((1, 0), (0, 1))]
    one, other = (scored(DICE, each, pool.labeled.groups_N) for each in pool.evidence(alone))
    found = gain(other, one)
    assert (found.differing, found.groups) == (gaining, 12)
    assert found.mean > 0
    assert found.wins > 0.8
    assert found.is_kept == kept


@pytest.mark.slow
def test_noise_fools_the_naive_score_and_not_the_nested_one() -> None:
    """50 members of equal skill on one truth: which weights are the best on these images is luck.

    The means over four sets of images differ from the truth by less than the figures of one set.
    """
    half_HW = np.repeat([[0] * 4 + [1] * 4], 8, axis=0).astype(np.uint8)
    off = []
    for seed in range(0, 4000, 1000):
        pools = [
            pool_of([noisy(true_NHW, 3, first + n) for n in range(50)], true_NHW)
            for count, first in ((24, seed), (400, seed + 500))
            for true_NHW in [np.repeat(half_HW[None], count, axis=0)]
        ]
        plan = plan_of(greedy(pools[0], views(pools[0]), 50))
        naive, truth = (score(DICE, pool.evidence([plan.chosen])[0]) for pool in pools)
        off.append((naive - truth, score(DICE, nested_evidence(pools[0], plan)) - truth))
    naive_off, nested_off = np.mean(off, axis=0)
    assert naive_off > 0.005
    assert abs(nested_off) < 0.005


def test_many_choices_have_the_bits_of_the_shipped_mean() -> None:
    true_NHW, rng = truths(8), np.random.default_rng(0)
    members = [noisy(true_NHW, 2, seed) for seed in range(6)]
    weights = rng.integers(0, 4, (40, 6)) * [1, 0, 1, 1, 1, 1]
    pool = pool_of(members, true_NHW)
    choices = [Choice(weights=tuple(each), views=views(pool)) for each in weights.tolist()]
    [(places, prob_SKHW, _)] = pool._predicted(choices, 1, 0)
    for place, prob_KHW in zip(places, prob_SKHW, strict=True):
        expected_KHW = weighted_mean([each[2] for each in members], weights[place].tolist())
        np.testing.assert_array_equal(prob_KHW, expected_KHW, strict=True)
