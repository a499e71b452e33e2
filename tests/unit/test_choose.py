"""Choosing an ensemble by out-of-fold evidence: what wins, what is left out, and no fooling."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from raytrain.config.metrics import DiceMetricSpec
from raytrain.config.steps import SmallestAreaStep, ThresholdStep
from raytrain.ensemble.choose import Wish, choose
from raytrain.ensemble.greedy import best_mean, greedy, single
from raytrain.ensemble.oof_maps import CandidateMaps
from raytrain.ensemble.plan import gain, nested_evidence, plan_of, whole_score
from raytrain.ensemble.pool import Labeled, Pool, Setting
from raytrain.metrics import score

FOLDS, SIDE = 4, 12
DICE = DiceMetricSpec()


def truths(images: int, seed: int = 0) -> np.ndarray:
    """Squares of different sizes and places, one in each image."""
    rng = np.random.default_rng(seed)
    true_NHW = np.zeros((images, SIDE, SIDE), np.uint8)
    for mask_HW in true_NHW:
        (top, left), side = rng.integers(0, 6, 2), rng.integers(3, 7)
        mask_HW[top : top + side, left : left + side] = 1
    return true_NHW


def noisy(true_NHW: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """prob_NKHW of a member whose foreground is right up to normal noise of its log odds."""
    rng = np.random.default_rng(seed)
    odds = 2.0 * (2.0 * true_NHW - 1) + noise * rng.normal(size=true_NHW.shape)
    prob_NHW = 1 / (1 + np.exp(-odds))
    return np.stack([1 - prob_NHW, prob_NHW], 1).astype(np.float32)


def pool_of(members: Sequence[np.ndarray], true_NHW: np.ndarray, group: int = 2) -> Pool:
    """The pool of members with maps prob_NKHW; so many images in a row are a group."""
    count = len(true_NHW)
    ends = np.linspace(0, count, FOLDS + 1).astype(int)
    fold_N = np.concatenate([np.full(b - a, n) for n, (a, b) in enumerate(pairwise(ends))])
    number_N = np.concatenate([np.arange(b - a) for a, b in pairwise(ends)])
    maps = [
        CandidateMaps([prob_NKHW[a:b] for a, b in pairwise(ends)], [{}] * FOLDS)
        for prob_NKHW in members
    ]
    labeled = Labeled(
        fold_N=fold_N,
        number_N=number_N,
        groups_N=np.array([f"g{n // group}" for n in range(count)]),
        truth=lambda fold, number: true_NHW[ends[fold] + number],
        pixels_N=np.full(count, SIDE * SIDE),
    )
    return Pool(maps, labeled, 2, "single_label", DICE)


def wish(count: int, **changes) -> Wish:
    fields = {
        "most": count, "views": ((),) * count, "steps": (), "networks": (1,) * count,
        "names": tuple(f"m{n}" for n in range(count)), "classes": ("bg", "square"),
    }  # fmt: skip
    return Wish(**{**fields, **changes})


def views(pool: Pool):
    return ((),) * len(pool.candidates)


def test_a_member_that_lowers_the_score_is_left_out() -> None:
    true_NHW = truths(24)
    rng = np.random.default_rng(9)
    inverted = noisy(true_NHW, 1, 3)[:, ::-1]
    wrong = noisy(rng.permutation(true_NHW), 0.1, 3)
    members = [inverted, noisy(true_NHW, 3, 1), noisy(true_NHW, 3, 2), wrong]
    pool = pool_of(members, true_NHW)
    plan, rows = choose(pool, wish(4))
    assert [weight > 0 for weight in plan.chosen.weights] == [False, True, True, False]
    assert [row.name for row in rows] == ["best single", "equal mean", "greedy"]
    assert [row.kept for row in rows[:2]] == [True, True]
    assert rows[1].passes == 2


def test_the_simplest_wins_where_nothing_is_gained() -> None:
    true_NHW = truths(24)
    same = noisy(true_NHW, 3, 1)
    plan, rows = choose(pool_of([same, same, same], true_NHW), wish(3))
    assert plan.chosen.weights == (1, 0, 0)
    assert [row.kept for row in rows] == [True, False, False]
    assert rows[1].gain == 0
    assert rows[1].wins == 0.5


def test_one_fold_leaves_nothing_to_choose_by() -> None:
    true_NHW = truths(8)
    pool = pool_of([noisy(true_NHW, 3, 1), noisy(true_NHW, 1, 2)], true_NHW)
    only = Labeled(
        **{**vars(pool.labeled), "fold_N": np.zeros(2, int), "number_N": np.arange(2),
           "groups_N": pool.labeled.groups_N[:2], "pixels_N": pool.labeled.pixels_N[:2]}
    )  # fmt: skip
    plan, rows = choose(Pool(pool.candidates, only, 2, "single_label", DICE), wish(2))
    assert (plan.chosen.weights, rows) == ((1, 0), [])


def test_weights_by_hand() -> None:
    """The first candidate decides unless the two others agree against it by more than its doubt."""
    pool = pool_of([noisy(truths(8), 3, seed) for seed in (1, 2, 3)], truths(8))
    setting = Setting((2, 1, 1), views(pool))
    [found] = pool.evidence([setting])
    for row in range(8):
        fold, number = pool.labeled.fold_N[row], pool.labeled.number_N[row]
        maps = [each.prob(fold, number, ()) for each in pool.candidates]
        pred_HW = ((2 * maps[0] + maps[1] + maps[2]) / 4).argmax(0)
        true_HW = pool.labeled.truth(fold, number)
        hit = int(((pred_HW == 1) & (true_HW == 1)).sum())
        extra, missed = int((pred_HW == 1).sum()) - hit, int((true_HW == 1).sum()) - hit
        assert found.counts_NK3[row, 1].tolist() == [hit, extra, missed]
    assert pool.evidence([setting])[0] is found


def test_the_nested_evidence_mixes_what_each_fold_was_left_with() -> None:
    true_NHW = truths(16)
    pool = pool_of([noisy(true_NHW, 2, 1), noisy(true_NHW, 2, 2)], true_NHW)
    alone = [Setting((1, 0), views(pool)), Setting((0, 1), views(pool))]
    first, second = pool.evidence(alone)
    plan = plan_of([alone[0], alone[1], alone[0], alone[1], alone[0]])
    found = nested_evidence(pool, plan)
    for row, fold in enumerate(pool.labeled.fold_N):
        expected = (first, second)[fold % 2].counts_NK3[row]
        assert found.counts_NK3[row].tolist() == expected.tolist()


def test_the_gain_of_a_score_over_itself_is_a_tie() -> None:
    true_NHW = truths(16)
    pool = pool_of([noisy(true_NHW, 2, 1)], true_NHW)
    [evidence] = pool.evidence([Setting((1,), views(pool))])
    found = gain(DICE, evidence, evidence, pool.labeled.groups_N)
    assert (found.mean, found.low, found.high, found.wins, found.is_kept) == (0, 0, 0, 0.5, False)
    assert whole_score(DICE, evidence) == pytest.approx(score(DICE, evidence), abs=1e-12)


def test_noise_fools_the_naive_score_and_not_the_nested_one() -> None:
    """50 members of equal skill: the best weights on these images are luck."""
    true_NHW, fresh_NHW = truths(40), truths(400, seed=1)
    pool = pool_of([noisy(true_NHW, 4, seed) for seed in range(50)], true_NHW)
    fresh = pool_of([noisy(fresh_NHW, 4, 100 + seed) for seed in range(50)], fresh_NHW)
    plan = plan_of(greedy(pool, views(pool), 50))
    [naive, by_all] = pool.evidence([plan.chosen, Setting((1,) * 50, views(pool))])
    [truth] = fresh.evidence([plan.chosen])
    nested = score(DICE, nested_evidence(pool, plan))
    print(score(DICE, naive), nested, score(DICE, truth), score(DICE, by_all))
    assert score(DICE, naive) > score(DICE, truth) + 0.005
    assert nested == pytest.approx(score(DICE, truth), abs=0.005)
