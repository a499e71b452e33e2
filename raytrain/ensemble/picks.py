"""Which two submissions to choose in the end: the pair whose better one scores highest.

Kaggle counts the better of two chosen files on the private part of the test images. What that will
come to is simulated from out-of-fold evidence: a draw is a test set of whole groups, drawn with
replacement, a share of which is public; all submissions are scored on the same draws, so that a
pair gains as far as its two err on different images. Pure numpy.

Shape suffixes: D draws, M submissions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from raytrain.config.metrics import MetricSpec
from raytrain.ensemble.bootstrap import REPEATS
from raytrain.metrics import score
from raytrain.metrics.evidence import Evidence

ROUNDING = 1e-9
"""Scores that differ by less are the same."""


@dataclass(frozen=True)
class Draws:
    """Scores on simulated test sets."""

    public_DM: np.ndarray
    private_DM: np.ndarray
    groups: int
    """In a test set."""
    public_groups: int


@dataclass(frozen=True)
class Pair:
    """Two submissions, the one with the higher mean first; all figures of the private part."""

    places: tuple[int, int]
    """Among the submissions."""
    expected: float
    """Mean over the draws of the better one's score."""
    means: tuple[float, float]
    correlation: float | None
    """Of their scores over the draws; None where one never changes."""
    wins: float
    """Share of the draws in which the first scores higher; a tie counts half."""


def simulate(
    evidences: Sequence[Evidence],
    groups_N: np.ndarray,
    metric: MetricSpec,
    test_images: int,
    public: float,
) -> Draws:
    """Score every submission on the public and private part of REPEATS drawn test sets.

    `evidences` are of the same images in the same order; `public` is the share of the groups, in
    0 .. 1 exclusive, of which each part gets at least one.
    """
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(groups_N == group) for group in np.unique(groups_N)]
    count = max(2, round(test_images * len(members) / len(groups_N)))
    split = min(max(1, round(public * count)), count - 1)
    scores_DMP = np.empty((REPEATS, len(evidences), 2))
    for draw in range(REPEATS):
        drawn = [members[i] for i in rng.integers(0, len(members), count)]
        for part, groups in enumerate((drawn[:split], drawn[split:])):
            rows = np.concatenate(groups)
            scores_DMP[draw, :, part] = [score(metric, each.of(rows)) for each in evidences]
    return Draws(scores_DMP[..., 0], scores_DMP[..., 1], count, split)


def pairs(private_DM: np.ndarray) -> list[Pair]:
    """Every pair, the one with the highest expected better score first."""
    found = [
        _pair(private_DM, one, other) for one, other in combinations(range(private_DM.shape[1]), 2)
    ]
    return sorted(found, key=lambda pair: (-pair.expected, -sum(pair.means), pair.places))


def chosen_by_public(draws: Draws) -> float:
    """What the two best by public score come to: the mean over the draws of the better one's
    private score."""
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
