"""Choosing an ensemble by out-of-fold evidence: what wins, what is left out, and no fooling."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from raytrain.config.metrics import DiceMetricSpec
from raytrain.config.steps import QuantileStep, SmallestAreaStep, ThresholdStep
from raytrain.ensemble.choose import Options, choose, with_students
from raytrain.ensemble.fit_steps import fitted
from raytrain.ensemble.greedy import greedy
from raytrain.ensemble.nested import Plan, gain, nested_evidence, plan_of, scored
from raytrain.ensemble.oof_maps import CandidateMaps
from raytrain.ensemble.pool import Labeled, Pool, Setting
from raytrain.metrics import score

FOLDS, SIDE = 4, 12
DICE = DiceMetricSpec()


def truths(images: int, seed: int = 0) -> np.ndarray:
    """The left, right, upper or lower half of each image."""
    rng = np.random.default_rng(seed)
    half_HW = np.repeat([[0] * (SIDE // 2) + [1] * (SIDE // 2)], SIDE, axis=0).astype(np.uint8)
    return np.stack([np.rot90(half_HW, int(rng.integers(4))) for _ in range(images)])


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


def options(count: int, **changes) -> Options:
    fields = {
        "most": count, "views": ((),) * count, "steps": (), "networks": (1,) * count,
        "names": tuple(f"m{n}" for n in range(count)), "classes": ("bg", "square"),
    }  # fmt: skip
    return Options(**{**fields, **changes})


def views(pool: Pool):
    return ((),) * len(pool.candidates)


def test_a_member_that_lowers_the_score_is_left_out() -> None:
    true_NHW = truths(24)
    inverted = noisy(true_NHW, 1, 3)[:, ::-1]
    of_others = noisy(true_NHW[::-1].copy(), 3, 3)
    members = [inverted, noisy(true_NHW, 3, 1), noisy(true_NHW, 3, 2), of_others]
    pool = pool_of(members, true_NHW)
    plan, rows = choose(pool, options(4))
    assert plan.chosen.weights == (0, 1, 1, 0)
    assert {setting.weights for setting in plan.nested} == {(0, 1, 1, 0)}
    assert [row.name for row in rows] == ["best single", "equal mean", "greedy"]
    assert [row.kept for row in rows[:2]] == [True, True]
    assert rows[1].passes == 2


def test_the_simplest_wins_where_nothing_is_gained() -> None:
    true_NHW = truths(24)
    same = noisy(true_NHW, 3, 1)
    plan, rows = choose(pool_of([same, same, same], true_NHW), options(3))
    assert plan.chosen.weights == (1, 0, 0)
    assert [row.kept for row in rows] == [True, False, False]
    assert rows[1].gain == 0
    assert rows[1].wins == 0.5


def test_one_fold_leaves_nothing_to_choose_by() -> None:
    true_NHW = truths(8)
    pool = pool_of([noisy(true_NHW, 3, 1), noisy(true_NHW, 1, 2)], true_NHW)
    one = [CandidateMaps(each.plain[:1], [{}]) for each in pool.candidates]
    held_out = pool.labeled.of(np.flatnonzero(pool.labeled.fold_N == 0))
    plan, rows = choose(Pool(one, held_out, 2, "single_label", DICE), options(2))
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
    each = scored(DICE, evidence, pool.labeled.groups_N)
    found = gain(each, each)
    assert (found.mean, found.low, found.high, found.wins, found.is_kept) == (0, 0, 0, 0.5, False)
    assert each.score == pytest.approx(score(DICE, evidence), abs=1e-12)
    low, high = each.interval
    assert low < each.score < high


def shy(true_NHW: np.ndarray) -> np.ndarray:
    """prob_NKHW of a member that says .3 where it means yes."""
    prob_NKHW = noisy(true_NHW, 1, 1)
    prob_NKHW[:, 1] *= 0.45
    prob_NKHW[:, 0] = 1 - prob_NKHW[:, 1]
    return prob_NKHW


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


def test_each_member_keeps_the_views_that_help_it() -> None:
    true_NHW = truths(24)
    first, second = noisy(true_NHW, 3, 1), noisy(true_NHW, 3, 2)
    plain = pool_of([first, second], true_NHW)
    ends = [0, 6, 12, 18, 24]
    seen = [
        [{"hflip": maps[a:b]} for a, b in pairwise(ends)]
        for maps in (noisy(true_NHW, 3, 11), noisy(true_NHW, 3, 12)[:, ::-1])
    ]
    candidates = [
        CandidateMaps(each.plain, of_view)
        for each, of_view in zip(plain.candidates, seen, strict=True)
    ]
    pool = Pool(candidates, plain.labeled, 2, "single_label", DICE)
    plan, rows = choose(pool, options(2, views=(("hflip",), ("hflip",))))
    assert plan.chosen.views == (("hflip",), ())
    assert [(row.name, row.kept) for row in rows[:2]] == [("m0: hflip", True), ("m1: hflip", False)]
    assert rows[0].passes == 2


def test_whole_groups_of_all_folds_are_drawn_when_there_are_too_many_pixels() -> None:
    true_NHW = truths(24)
    pool = pool_of([noisy(true_NHW, 3, 1)], true_NHW)
    few = pool.drawn(10 * SIDE * SIDE)
    rows = np.flatnonzero(np.isin(pool.labeled.groups_N, few.labeled.groups_N))
    assert len(few.labeled.fold_N) == len(rows) == 8
    assert np.bincount(few.labeled.fold_N).tolist() == [2] * FOLDS
    assert np.bincount(pool.drawn(1).labeled.fold_N).tolist() == [2] * FOLDS
    assert pool.drawn(10**9) is pool
    [of_few], [of_all] = (each.evidence([Setting((1,), views(pool))]) for each in (few, pool))
    assert of_few.counts_NK3.tolist() == of_all.counts_NK3[rows].tolist()


@pytest.mark.slow
def test_noise_fools_the_naive_score_and_not_the_nested_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """50 members of equal skill on one truth: which weights are the best on these images is luck.

    The means over four sets of images differ from the truth by less than the figures of one set.
    """
    monkeypatch.setattr("raytrain.ensemble.greedy.BAGS", 1)
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
    assert naive_off > 0.01
    assert abs(nested_off) < 0.005


@pytest.mark.parametrize(("noise", "kept"), [(1.0, True), (6.0, False)])
def test_students_take_the_places_of_their_members(noise: float, kept: bool) -> None:
    true_NHW = truths(24)
    members = [noisy(true_NHW, 3, 1), noisy(true_NHW, 3, 2), noisy(true_NHW, noise, 3)]
    pool = pool_of(members, true_NHW)
    views = (("hflip",), ("vflip",), ())
    plan = Plan((Setting((2, 1, 0), ((), (), ())),) * FOLDS, Setting((2, 1, 0), views))
    found, row = with_students(pool, options(3), plan, {0: 2})
    assert (row.what, row.name, row.kept) == ("self-training", "m2", kept)
    assert row.detectable is not None
    assert row.detectable > 0
    if kept:
        assert found.chosen == Setting((0, 1, 2), (("hflip",), ("vflip",), ("hflip",)))
        assert {setting.weights for setting in found.nested} == {(0, 1, 2)}
    else:
        assert found == plan
