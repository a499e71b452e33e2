"""The out-of-fold score of an ensemble, and how sure it is.

Every map comes from a model that never saw its image's group.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from raytrain.config.target import Target, mask_of
from raytrain.metrics import METRICS
from raytrain.metrics.dice import foreground_dice, overlap_counts

REPEATS = 2000
"""Bootstrap draws."""


@dataclass(frozen=True)
class OofScore:
    """A score over all labelled images with its 95 % interval over groups."""

    dice: float
    low: float
    high: float
    per_class: list[float]
    images: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def map_counts(
    prob_KHW: np.ndarray, mask_HW: np.ndarray, classes: int, target: Target
) -> np.ndarray:
    """counts_K3 of the map's mask against the truth."""
    pred_HW = torch.from_numpy(mask_of(prob_KHW, target))
    true_HW = torch.from_numpy(mask_HW.astype(np.int64))
    return overlap_counts(pred_HW[None], true_HW[None], classes, target)[0].numpy()


def oof_score(counts_NK3: np.ndarray, groups_N: np.ndarray, metric: str) -> OofScore:
    """The score of these counts; the interval draws whole groups with replacement."""
    low, high = _interval(counts_NK3, groups_N, METRICS[metric])
    return OofScore(
        dice=METRICS[metric](counts_NK3),
        low=low,
        high=high,
        per_class=[float(value) for value in foreground_dice(counts_NK3)],
        images=len(counts_NK3),
    )


def _interval(
    counts_NK3: np.ndarray, groups_N: np.ndarray, metric: Callable[[np.ndarray], float]
) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(groups_N == group) for group in np.unique(groups_N)]
    draws = [
        metric(
            counts_NK3[
                np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
            ]
        )
        for _ in range(REPEATS)
    ]
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)
