"""A paired test over groups of images and seeds: whether two configurations differ.

Both were trained with the same number of seeds and scored on the same groups (patients, sequences),
so the difference is known for each group and seed. Groups and seeds are both random samples. The
two-way analysis of variance of Dorfman, Berbaum and Metz (1992), with seeds as readers, adds up the
variances of both. With one seed it is the paired t test over groups.

Shape suffixes: G groups, S seeds.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.optimize import brentq
from scipy.stats import nct, t

ALPHA, POWER = 0.05, 0.8


@dataclass(frozen=True)
class Paired:
    """A difference between two scores, and the results of its test."""

    difference: float
    """Mean difference over groups and seeds."""
    low: float
    high: float
    """Upper end of the 95 % interval; `low` is the lower end."""
    p: float
    """Two-sided p value."""
    detectable: float
    """The smallest difference that this test detects with power .8 at alpha .05."""
    groups: int
    seeds: int

    @property
    def shown(self) -> bool:
        """Whether the difference is significant, that is p < ALPHA."""
        return self.p < ALPHA


def paired_test(difference_GS: np.ndarray) -> Paired:
    """Return the mean difference over groups and seeds, its 95 % interval, and the p value of the
    test that it is 0. Raises ValueError for fewer than two groups."""
    groups, seeds = difference_GS.shape
    if groups < 2:
        raise ValueError(
            f"a paired test needs at least two groups of images, and there is {groups}; "
            "correct competition.group"
        )
    mean = float(difference_GS.mean())
    error, freedom = _error(difference_GS)
    if error == 0:
        return Paired(mean, mean, mean, 1.0 if mean == 0 else 0.0, 0.0, groups, seeds)
    half = float(t.ppf(1 - ALPHA / 2, freedom)) * error
    p = 2 * float(t.sf(abs(mean) / error, freedom))
    smallest = error * detectable_effect(freedom)
    return Paired(mean, mean - half, mean + half, p, smallest, groups, seeds)


def detectable_effect(freedom: float) -> float:
    """Return the smallest difference, in standard errors, that the two-sided t test detects with
    `POWER`."""
    limit = float(t.ppf(1 - ALPHA / 2, freedom))

    def lacking(effect: float) -> float:
        # The tail on the wrong side is negligible here.
        return float(nct.sf(limit, freedom, effect)) - POWER

    return float(brentq(lacking, 0.0, 2 * limit + 4))


def _error(difference_GS: np.ndarray) -> tuple[float, float]:
    """Return the standard error of the mean, and its degrees of freedom (Satterthwaite's)."""
    groups, seeds = difference_GS.shape
    by_group = seeds * float(difference_GS.mean(1).var(ddof=1))
    if seeds == 1:
        return sqrt(by_group / groups), groups - 1
    by_seed = groups * float(difference_GS.mean(0).var(ddof=1))
    residual_GS = (
        difference_GS
        - difference_GS.mean(1, keepdims=True)
        - difference_GS.mean(0, keepdims=True)
        + difference_GS.mean()
    )
    rest = float((residual_GS**2).sum()) / ((groups - 1) * (seeds - 1))
    total, largest = by_group + by_seed - rest, max(by_group, by_seed)
    if total <= largest:  # the smaller one is negligible relative to the residual
        freedom = (groups if by_group == largest else seeds) - 1
        return sqrt(largest / (groups * seeds)), freedom
    parts = by_group**2 / (groups - 1) + by_seed**2 / (seeds - 1)
    parts += rest**2 / ((groups - 1) * (seeds - 1))
    return sqrt(total / (groups * seeds)), total**2 / parts
