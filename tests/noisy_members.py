"""Pools of candidates with maps of a known noise, for tests of the choice of an ensemble."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from raytrain.config.metrics import DiceMetricSpec
from raytrain.ensemble.choose import Options
from raytrain.ensemble.oof_maps import CandidateMaps
from raytrain.ensemble.pool import Labeled, Pool

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


def shy(true_NHW: np.ndarray) -> np.ndarray:
    """prob_NKHW of a member that says .3 where it means yes."""
    prob_NKHW = noisy(true_NHW, 1, 1)
    prob_NKHW[:, 1] *= 0.45
    prob_NKHW[:, 0] = 1 - prob_NKHW[:, 1]
    return prob_NKHW
