"""Choosing an ensemble by out-of-fold evidence: what wins and what is left out."""

from itertools import pairwise

import numpy as np
import pytest

from raytrain.ensemble.choose import choose, with_students
from raytrain.ensemble.nested import Plan
from raytrain.ensemble.oof_maps import CandidateMaps
from raytrain.ensemble.pool import Pool
from raytrain.runs.ensemble import Choice
from tests.noisy_members import DICE, FOLDS, SIDE, noisy, options, pool_of, truths, views


def test_a_member_that_lowers_the_score_is_left_out() -> None:
    true_NHW = truths(24)
    inverted = noisy(true_NHW, 1, 3)[:, ::-1]
    of_others = noisy(true_NHW[::-1].copy(), 3, 3)
    members = [inverted, noisy(true_NHW, 3, 1), noisy(true_NHW, 3, 2), of_others]
    pool = pool_of(members, true_NHW)
    plan, rows = choose(pool, options(4))
    assert plan.chosen.weights == (0, 1, 1, 0)
    assert {choice.weights for choice in plan.nested} == {(0, 1, 1, 0)}
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
    pool = Pool(one, held_out, 2, "single_label", DICE)
    # All vote alike; a teammate's maps have no network here.
    for networks, weights in (((1, 1), (1, 1)), ((1, 0), (1, 0))):
        plan, rows = choose(pool, options(2, networks=networks))
        assert (plan.chosen.weights, rows) == (weights, [])


def test_weights_by_hand() -> None:
    """The first candidate decides unless the two others agree against it by more than its doubt."""
    pool = pool_of([noisy(truths(8), 3, seed) for seed in (1, 2, 3)], truths(8))
    choice = Choice(weights=(2, 1, 1), views=views(pool))
    [found] = pool.evidence([choice])
    for row in range(8):
        fold, number = pool.labeled.fold_N[row], pool.labeled.number_N[row]
        maps = [each.prob(fold, number, ()) for each in pool.candidates]
        pred_HW = ((2 * maps[0] + maps[1] + maps[2]) / 4).argmax(0)
        true_HW = pool.labeled.truth(fold, number)
        hit = int(((pred_HW == 1) & (true_HW == 1)).sum())
        extra, missed = int((pred_HW == 1).sum()) - hit, int((true_HW == 1).sum()) - hit
        assert found.counts_NK3[row, 1].tolist() == [hit, extra, missed]
    assert pool.evidence([choice])[0] is found


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
    [of_few], [of_all] = (
        each.evidence([Choice(weights=(1,), views=views(pool))]) for each in (few, pool)
    )
    assert of_few.counts_NK3.tolist() == of_all.counts_NK3[rows].tolist()


@pytest.mark.parametrize(("noise", "kept"), [(1.0, True), (6.0, False)])
def test_students_take_the_places_of_their_members(noise: float, kept: bool) -> None:
    true_NHW = truths(24)
    members = [noisy(true_NHW, 3, 1), noisy(true_NHW, 3, 2), noisy(true_NHW, noise, 3)]
    pool = pool_of(members, true_NHW)
    views = (("hflip",), ("vflip",), ())
    plan = Plan(
        (Choice(weights=(2, 1, 0), views=((), (), ())),) * FOLDS,
        Choice(weights=(2, 1, 0), views=views),
    )
    found, row = with_students(pool, options(3), plan, {0: 2})
    assert (row.what, row.name, row.kept) == ("self-training", "m2", kept)
    assert row.detectable is not None
    assert row.detectable > 0
    if kept:
        assert found.chosen == Choice(weights=(0, 1, 2), views=(("hflip",), ("vflip",), ("hflip",)))
        assert {choice.weights for choice in found.nested} == {(0, 1, 2)}
    else:
        assert found == plan
