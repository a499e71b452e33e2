"""Plans, their nested scores, and the rule that decides when a richer choice is kept.

Shape suffixes: N images, D draws, G groups.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from raytrain.config.metrics import MetricSpec
from raytrain.ensemble.pool import Pool
from raytrain.metrics.bootstrap import group_draws
from raytrain.metrics.draws import drawn_scores
from raytrain.metrics.evidence import Evidence
from raytrain.metrics.groups import group_scores
from raytrain.runs.ensemble import GROUPS, Choice

SHARE = 0.8
"""Smallest share of paired group draws in which a richer choice must score higher."""
DETECTABLE = float(norm.ppf(0.975) + norm.ppf(0.8))
"""Effect, in standard errors, that a two-sided test at .05 detects with power .8."""
AT_ONCE = 2**22
"""Largest number of values (draws x images) in memory at once."""


@dataclass(frozen=True)
class Plan:
    """For each fold, the choice that was made on all other folds; and the choice that was made on
    all images."""

    nested: tuple[Choice, ...]
    chosen: Choice

    def changed(self, change: Callable[[Choice], Choice]) -> "Plan":
        """Return the plan in which `change` is applied to every choice."""
        return Plan(tuple(map(change, self.nested)), change(self.chosen))


def plan_of(choices: list[Choice]) -> Plan:
    """Return the plan from one choice for each row of `Pool.fits_FN`."""
    return Plan(tuple(choices[:-1]), choices[-1])


def nested_evidence(pool: Pool, plan: Plan) -> Evidence:
    """Return the evidence in which each image is predicted by the choice that was made without its
    fold."""
    parts = pool.evidence(plan.nested)
    place = (pool.labeled.fold_N, np.arange(len(pool.labeled.fold_N)))
    figures = [each.figures_NGK for each in parts if each.figures_NGK is not None]
    return Evidence(
        counts_NK3=np.stack([each.counts_NK3 for each in parts])[place],
        gathered=parts[0].gathered,
        figures_NGK=np.stack(figures)[place],
        counted_K=parts[0].counted_K,
    )


@dataclass(frozen=True)
class Gain:
    """The difference between two scores on the same images."""

    mean: float
    low: float
    high: float
    """Upper end of the 95 % interval over groups; `low` is the lower end."""
    wins: float
    """Share of paired draws of groups in which the first score is higher; a tie counts half."""

    detectable: float
    """The smallest gain that a comparison on these groups detects with power .8 at alpha .05."""
    differing: int
    """Number of groups in which the two scores differ."""
    groups: int

    @property
    def is_kept(self) -> bool:
        """Whether the richer choice is kept: it scores higher on all images and in at least 80 % of
        the draws, and enough groups differ."""
        return self.mean > 0 and self.wins >= SHARE and self.differing >= GROUPS


@dataclass(frozen=True)
class Scored:
    """A score on all images, on draws of whole groups, and on each single group."""

    score: float
    draws_D: np.ndarray
    score_G: np.ndarray

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the score over groups."""
        low, high = np.percentile(self.draws_D, [2.5, 97.5])
        return float(low), float(high)


def scored(metric: MetricSpec, evidence: Evidence, groups_N: np.ndarray) -> Scored:
    """Return the score of this evidence. The draws are the same for every evidence."""
    found, times = [], []
    for rows in group_draws(groups_N):
        times.append(np.bincount(rows, minlength=len(groups_N)).astype(np.float64))
        if len(times) * len(groups_N) >= AT_ONCE:
            found.append(drawn_scores(metric, evidence, np.stack(times)))
            times = []
    if times:
        found.append(drawn_scores(metric, evidence, np.stack(times)))
    # The same rounding as in the draws.
    whole = float(drawn_scores(metric, evidence, np.ones((1, len(groups_N))))[0])
    return Scored(whole, np.concatenate(found), group_scores(metric, evidence, groups_N))


def gain(richer: Scored, simpler: Scored) -> Gain:
    """Return the gain in score of the richer choice over the simpler one, from paired draws of
    groups."""
    ours_D, theirs_D = richer.draws_D, simpler.draws_D
    low, high = np.percentile(ours_D - theirs_D, [2.5, 97.5])
    wins = float((ours_D > theirs_D).mean() + 0.5 * (ours_D == theirs_D).mean())
    detectable = DETECTABLE * float((ours_D - theirs_D).std())
    differing = int(np.count_nonzero(richer.score_G != simpler.score_G))
    mean = richer.score - simpler.score
    groups = len(richer.score_G)
    return Gain(mean, float(low), float(high), wins, detectable, differing, groups)
