"""The paired test over groups and seeds: by hand, against scipy and least squares, and by what
must hold."""

import numpy as np
import pytest
import scipy.stats

from raytrain.metrics.paired import detectable_effect, paired_test


def test_one_seed_by_hand() -> None:
    # Differences 1, 2, 3, 6: mean 3, sd 2.1602, standard error 1.0801, t 2.7775 with 3 df.
    found = paired_test(np.array([[1.0], [2.0], [3.0], [6.0]]))
    assert found.difference == 3
    # With 3 df p is 1 - 2 (a + sin a cos a) / pi, where tan a = t / sqrt(3): a = 1.01326.
    assert found.p == pytest.approx(0.06914, abs=1e-5)
    assert (found.low, found.high) == pytest.approx((3 - 3.43741, 3 + 3.43741), abs=1e-4)
    assert not found.shown


def test_two_seeds_by_hand() -> None:
    # Row means 1, 3, 5 and column means 2, 4: MS of groups 8, of seeds 6, of the rest 0.
    # Variance (8 + 6) / 6 = 7/3; df 14^2 / (8^2 / 2 + 6^2 / 1) = 196 / 68.
    found = paired_test(np.array([[0.0, 2.0], [2.0, 4.0], [4.0, 6.0]]))
    error, freedom = np.sqrt(7 / 3), 196 / 68
    assert found.difference == 3
    assert found.p == pytest.approx(2 * scipy.stats.t.sf(3 / error, freedom))
    assert found.high - 3 == pytest.approx(error * scipy.stats.t.ppf(0.975, freedom))


def test_one_seed_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(0.8, 0.1, 30), rng.normal(0.77, 0.1, 30)
    found = paired_test((ours - theirs)[:, None])
    reference = scipy.stats.ttest_rel(ours, theirs)
    assert found.p == pytest.approx(reference.pvalue)
    interval = reference.confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_mean_squares_are_those_of_least_squares() -> None:
    rng = np.random.default_rng(1)
    groups, seeds = 7, 4
    table_GS = (
        rng.normal(0, 2, (groups, 1)) + rng.normal(0, 1, (1, seeds))
        + rng.normal(0, 0.5, (groups, seeds)) + 0.3
    )  # fmt: skip

    def squares(*parts: str) -> float:
        """The sum of squares that a linear model with these parts leaves."""
        group, seed = (axis.ravel() for axis in np.indices(table_GS.shape))
        columns = [np.ones((groups * seeds, 1))]
        columns += [np.eye(groups)[group]] if "group" in parts else []
        columns += [np.eye(seeds)[seed]] if "seed" in parts else []
        design = np.hstack(columns)
        fit = design @ np.linalg.lstsq(design, table_GS.ravel(), rcond=None)[0]
        return float(((table_GS.ravel() - fit) ** 2).sum())

    by_group = (squares("seed") - squares("seed", "group")) / (groups - 1)
    by_seed = (squares("group") - squares("seed", "group")) / (seeds - 1)
    rest = squares("seed", "group") / ((groups - 1) * (seeds - 1))
    error = np.sqrt((by_group + by_seed - rest) / (groups * seeds))
    freedom = (by_group + by_seed - rest) ** 2 / (
        by_group**2 / (groups - 1)
        + by_seed**2 / (seeds - 1)
        + rest**2 / ((groups - 1) * (seeds - 1))
    )
    found = paired_test(table_GS)
    assert found.p == pytest.approx(2 * scipy.stats.t.sf(abs(table_GS.mean()) / error, freedom))


@pytest.mark.parametrize(("effect", "pairs"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_the_smallest_difference_is_that_of_the_power_tables(effect: float, pairs: int) -> None:
    # The fewest pairs that a two-sided paired t test needs, as G*Power 3 has them.
    needed = [detectable_effect(count - 1) / np.sqrt(count) for count in (pairs - 1, pairs)]
    assert needed[0] > effect >= needed[1]


@pytest.mark.parametrize("freedom", [1, 1.5, 2, 5, 100, 3000])
def test_the_smallest_difference_has_its_power(freedom: float) -> None:
    limit = scipy.stats.t.ppf(0.975, freedom)
    power = scipy.stats.nct.sf(limit, freedom, detectable_effect(freedom))
    assert power == pytest.approx(0.8)


@pytest.mark.slow
def test_the_smallest_difference_is_seen_in_four_of_five() -> None:
    rng, seen = np.random.default_rng(2), 0
    error = 1 / np.sqrt(12)
    for _ in range(2000):
        truth = error * detectable_effect(11)
        seen += paired_test(rng.normal(truth, 1, (12, 1))).shown
    assert 0.77 < seen / 2000 < 0.83


@pytest.mark.slow
def test_seeds_that_differ_do_not_make_a_difference() -> None:
    # Two configurations that are equal, each seed of them better or worse on all groups alike.
    rng, wrong, naive = np.random.default_rng(3), 0, 0
    for _ in range(1000):
        by_seed = rng.normal(0, 0.02, (1, 5))
        table_GS = by_seed + rng.normal(0, 0.01, (40, 1)) + rng.normal(0, 0.01, (40, 5))
        wrong += paired_test(table_GS).shown
        naive += scipy.stats.ttest_1samp(table_GS.mean(1), 0).pvalue < 0.05
    assert 0.02 < wrong / 1000 < 0.08
    assert naive / 1000 > 0.4


def test_what_must_hold() -> None:
    rng = np.random.default_rng(4)
    table_GS = rng.normal(0.1, 1, (9, 3))
    found, turned = paired_test(table_GS), paired_test(-table_GS)
    assert (turned.difference, turned.p) == (-found.difference, pytest.approx(found.p))
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
    shuffled = paired_test(table_GS[rng.permutation(9)][:, rng.permutation(3)])
    assert shuffled.p == pytest.approx(found.p)
    scaled = paired_test(10 * table_GS)
    assert scaled.p == pytest.approx(found.p)
    assert scaled.detectable == pytest.approx(10 * found.detectable)
    # Shown exactly where the interval leaves 0 out.
    assert found.shown == (found.low > 0 or found.high < 0)
    same = paired_test(np.zeros((5, 2)))
    assert (same.difference, same.p, same.shown) == (0, 1, False)
    with pytest.raises(ValueError, match="at least two groups of images, and there is 1"):
        paired_test(np.zeros((1, 3)))
