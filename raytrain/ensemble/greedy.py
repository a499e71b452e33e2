"""Ways to weight the candidates: the best one, the mean of the best few, and greedy selection.

Each fit of `Pool.fits_FN` chooses by its own images alone. Shape suffixes: N images, C candidates,
F fits, D draws of all fits.
"""

from math import gcd

import numpy as np

from raytrain.ensemble.pool import Pool, Views
from raytrain.metrics.draws import drawn_scores
from raytrain.runs.ensemble import Choice

BAGS = 10
"""Number of draws of groups on which each fit selects."""
PICKS = 8
"""Largest number of picks of one selection."""
UNITS = 20
"""Weights are whole multiples of one `UNITS`-th. A candidate that rounds to 0 is left out."""


def single(pool: Pool, views: Views) -> list[Choice]:
    """Return, for each fit, the candidate with the highest score; of equal ones, the first."""
    score_CF = _alone(pool, views)
    return [only(int(best), views) for best in score_CF.argmax(0)]


def best_mean(pool: Pool, views: Views, most: int) -> list[Choice]:
    """Return, for each fit, the equal mean of its best candidates. Their number, from two up to
    `most`, is the one with the highest score."""
    order_CF = np.argsort(-_alone(pool, views), axis=0, kind="stable")
    found = []
    for fit_N, order_C in zip(pool.fits_FN, order_CF.T, strict=True):
        choices = [
            _choice({int(place): 1 for place in order_C[:count]}, views)
            for count in range(2, most + 1)
        ]
        found.append(choices[int(_scores(pool, choices, fit_N[None])[:, 0].argmax())])
    return found


def greedy(pool: Pool, views: Views, most: int) -> list[Choice]:
    """Return, for each fit, the weights of a greedy selection with replacement, averaged over
    selections on draws of groups (Caruana et al. 2004). At most `most` candidates remain."""
    fits_FN = pool.fits_FN
    times_DN = np.concatenate([_bags(fit_N, pool.labeled.groups_N) for fit_N in fits_FN])
    count = len(pool.candidates)
    now_DC = np.zeros((len(times_DN), count), int)
    best_D, kept_DC = np.full(len(times_DN), -np.inf), now_DC.copy()
    draws = np.arange(len(times_DN))
    for _ in range(PICKS):
        next_DCC = now_DC[:, None] + np.eye(count, dtype=int)
        distinct, place_DC = np.unique(next_DCC.reshape(-1, count), axis=0, return_inverse=True)
        choices = [_choice(dict(enumerate(weights.tolist())), views) for weights in distinct]
        score_DC = _scores(pool, choices, times_DN)[place_DC.reshape(-1, count), draws[:, None]]
        pick_D = score_DC.argmax(1)
        now_DC = next_DCC[draws, pick_D]
        better = score_DC[draws, pick_D] > best_D
        best_D = np.where(better, score_DC[draws, pick_D], best_D)
        kept_DC[better] = now_DC[better]
    share_DC = kept_DC / kept_DC.sum(1, keepdims=True)
    share_FC = share_DC.reshape(len(fits_FN), -1, count).mean(1)
    return [_choice(_in_units(share_C, most), views) for share_C in share_FC]


def only(place: int, views: Views) -> Choice:
    """Return the choice in which the candidate with the index `place` is the only member."""
    return _choice({place: 1}, views)


def _alone(pool: Pool, views: Views) -> np.ndarray:
    """Return score_CF of each candidate as the only member, on the images of each fit."""
    choices = [only(place, views) for place in range(len(pool.candidates))]
    return _scores(pool, choices, pool.fits_FN)


def _scores(pool: Pool, choices: list[Choice], times_DN: np.ndarray) -> np.ndarray:
    """Return the score of each choice (row) on each draw of the images (column), which contains
    image n times_DN[d, n] times."""
    found = pool.evidence(choices)
    return np.stack([drawn_scores(pool.metric, each, times_DN) for each in found])


def _bags(fit_N: np.ndarray, groups_N: np.ndarray) -> np.ndarray:
    """Return times_BN: how often each image occurs in each draw of the fit's groups."""
    rng = np.random.default_rng(0)
    groups, group_N = np.unique(groups_N[fit_N > 0], return_inverse=True)
    times_BN = np.zeros((BAGS, len(fit_N)))
    for times_N in times_BN:
        drawn = np.bincount(rng.integers(0, len(groups), len(groups)), minlength=len(groups))
        times_N[fit_N > 0] = drawn[group_N]
    return times_BN


def _in_units(share_C: np.ndarray, most: int) -> dict[int, int]:
    largest = np.argsort(-share_C, kind="stable")[:most]
    units = {int(place): round(UNITS * float(share_C[place])) for place in largest}
    return units if any(units.values()) else {int(largest[0]): 1}


def _choice(weights: dict[int, int], views: Views) -> Choice:
    """Return a choice with these weights, divided by their greatest common divisor."""
    divisor = gcd(*weights.values())
    whole = tuple(weights.get(place, 0) // divisor for place in range(len(views)))
    return Choice(weights=whole, views=views)
