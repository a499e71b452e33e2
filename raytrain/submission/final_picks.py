"""Choose two final submissions: the pair whose better file has the highest expected score.

Kaggle counts the better of two chosen files on the private part of the test images. The outcome is
simulated from out-of-fold evidence. A draw is a test set of whole groups, drawn with replacement,
and a share of it is public. All submissions are scored on the same draws, so a pair gains from
errors on different images. Pure numpy.

Shape suffixes: D draws, M submissions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from raytrain.config.metrics import MetricSpec
from raytrain.metrics.bootstrap import REPEATS
from raytrain.metrics.draws import drawn_scores
from raytrain.metrics.evidence import Evidence
from raytrain.metrics.groups import members

ROUNDING = 1e-9
"""Scores that differ by less than this count as equal."""


@dataclass(frozen=True)
class Draws:
    """The scores of all submissions on simulated test sets."""

    public_DM: np.ndarray
    private_DM: np.ndarray
    groups: int
    """Number of groups in a test set."""
    public_groups: int


@dataclass(frozen=True)
class Pair:
    """Two submissions, the one with the higher mean first. All figures are of the private part."""

    places: tuple[int, int]
    """Positions of the two submissions in the list of submissions."""
    expected: float
    """Mean, over the draws, of the higher of the two scores."""
    means: tuple[float, float]
    correlation: float | None
    """Correlation of the two submissions' scores over the draws; None if one score never
    changes."""
    wins: float
    """Share of the draws in which the first submission scores higher; a tie counts half."""


def simulate(
    evidences: Sequence[Evidence],
    groups_N: np.ndarray,
    metric: MetricSpec,
    test_images: int,
    public: float,
) -> Draws:
    """Return the scores of every submission on the public and the private part of simulated test
    sets.

    All `evidences` are of the same images in the same order. `public` is the public share of the
    groups, between 0 and 1. Each part gets at least one group.
    """
    rng = np.random.default_rng(0)
    groups = members(groups_N)
    count = max(2, round(test_images * len(groups) / len(groups_N)))
    split = min(max(1, round(public * count)), count - 1)
    times_PDN = np.zeros((2, REPEATS, len(groups_N)))
    for draw in range(REPEATS):
        drawn = [groups[i] for i in rng.integers(0, len(groups), count)]
        for part, taken in enumerate((drawn[:split], drawn[split:])):
            np.add.at(times_PDN[part, draw], np.concatenate(taken), 1)
    public_DM, private_DM = (
        np.stack([drawn_scores(metric, each, times_DN) for each in evidences], axis=1)
        for times_DN in times_PDN
    )
    return Draws(public_DM, private_DM, count, split)


def best_pairs(private_DM: np.ndarray, most: int) -> list[Pair]:
    """Return the pairs whose better file has the highest expected score, best first."""
    private_MD = np.ascontiguousarray(private_DM.T)
    mean_M = private_MD.mean(1)
    places = np.stack(np.triu_indices(len(private_MD), 1))
    expected = np.concatenate(
        [np.maximum(own_D, private_MD[one + 1 :]).mean(1) for one, own_D in enumerate(private_MD)]
    )
    order = np.lexsort((places[1], places[0], -mean_M[places].sum(0), -expected))[:most]
    return [_pair(private_DM, *places[:, at].tolist()) for at in order]


def chosen_by_public(draws: Draws) -> float:
    """Return the expected private score of the two best submissions by public score: the mean, over
    the draws, of the higher of their two private scores."""
    order_DM = np.argsort(-draws.public_DM, axis=1, kind="stable")
    return float(np.take_along_axis(draws.private_DM, order_DM[:, :2], 1).max(1).mean())


def _pair(private_DM: np.ndarray, one: int, other: int) -> Pair:
    if private_DM[:, other].mean() > private_DM[:, one].mean():
        one, other = other, one
    first_D, second_D = private_DM[:, one], private_DM[:, other]
    varies = min(np.ptp(first_D), np.ptp(second_D)) > ROUNDING
    return Pair(
        places=(one, other),
        expected=float(np.maximum(first_D, second_D).mean()),
        means=(float(first_D.mean()), float(second_D.mean())),
        correlation=float(np.corrcoef(first_D, second_D)[0, 1]) if varies else None,
        wins=float((first_D > second_D).mean() + (first_D == second_D).mean() / 2),
    )
