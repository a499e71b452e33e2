"""Metrics over counts: summed per image and class, reduced over workers, divided once."""

from collections.abc import Callable

import numpy as np

from raytrain.metrics.dice import mean_foreground_dice

METRICS: dict[str, Callable[[np.ndarray], float]] = {
    "dice": mean_foreground_dice,
}
"""Name -> function of counts_NK3 (true positives, false positives, false negatives)."""
