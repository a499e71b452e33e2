"""Bootstrap over groups, drawn with replacement: the uncertainty of an out-of-fold score.

Scores that are compared use the same draws, so that the difficulty of the images cancels (Efron
1979).
"""

from collections.abc import Iterator

import numpy as np

from raytrain.config.metrics import MetricSpec
from raytrain.metrics import score
from raytrain.metrics.draws import DIGITS, drawn_scores
from raytrain.metrics.evidence import Evidence
from raytrain.metrics.groups import members
from raytrain.metrics.oof_file import OofEvidence

REPEATS = 2000
"""Number of bootstrap draws."""


def group_draws(groups_N: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the rows of each of REPEATS fixed draws. Each draws as many groups as there are."""
    rng = np.random.default_rng(0)
    groups = members(groups_N)
    for _ in range(REPEATS):
        drawn = rng.integers(0, len(groups), len(groups))
        yield np.concatenate([groups[i] for i in drawn])


def interval(evidence: Evidence, groups_N: np.ndarray, spec: MetricSpec) -> tuple[float, float]:
    """Return both ends of the 95 % interval of a score over draws of whole groups."""
    count = len(groups_N)
    times_DN = np.stack([np.bincount(rows, minlength=count) for rows in group_draws(groups_N)])
    drawn_D = drawn_scores(spec, evidence, times_DN.astype(np.float64))
    whole = score(spec, evidence)
    # Draws are rounded, so one that has the same score is given its exact value.
    drawn_D = np.where(np.isclose(drawn_D, whole, rtol=0, atol=10**-DIGITS), whole, drawn_D)
    low, high = np.percentile(drawn_D, [2.5, 97.5])
    return float(low), float(high)


def beats(ours: OofEvidence, theirs: OofEvidence) -> float:
    """Return P(ours scores higher than theirs by our metric), 0 .. 1, over paired draws of groups;
    a tie counts half.

    Raises ValueError when the two are not from the same images and masks.
    """
    theirs = theirs.aligned(ours)
    wins = 0.0
    for rows in group_draws(np.array(ours.groups)):
        one, other = (score(ours.metric, each.evidence.of(rows)) for each in (ours, theirs))
        wins += 1.0 if one > other else 0.5 if one == other else 0.0
    return wins / REPEATS
