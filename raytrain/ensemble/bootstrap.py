"""Draws of whole groups with replacement: what an out-of-fold score could have come to.

What is compared is drawn together, so that the images' own difficulty cancels (Efron 1979).
"""

from collections.abc import Iterator

import numpy as np

from raytrain.metrics import score
from raytrain.metrics.oof_file import OofEvidence

REPEATS = 2000
"""Bootstrap draws."""


def group_draws(groups_N: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of each of REPEATS draws, always the same: as many groups as there are."""
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(groups_N == group) for group in np.unique(groups_N)]
    for _ in range(REPEATS):
        drawn = rng.integers(0, len(members), len(members))
        yield np.concatenate([members[i] for i in drawn])


def beats(ours: OofEvidence, theirs: OofEvidence) -> float:
    """P(ours scores higher than theirs by our metric), 0 .. 1, over paired draws of groups; a tie
    counts half.

    Raises ValueError when they are not of the same images and masks.
    """
    theirs = theirs.aligned(ours)
    wins = 0.0
    for rows in group_draws(np.array(ours.groups)):
        one, other = (score(ours.metric, each.evidence.of(rows)) for each in (ours, theirs))
        wins += 1.0 if one > other else 0.5 if one == other else 0.0
    return wins / REPEATS
