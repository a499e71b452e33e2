"""Ratios of two ways to do the same, from alternating pairs in one run."""

import statistics
import time
from collections.abc import Callable


def seconds(epoch: Callable[[], object]) -> float:
    start = time.perf_counter()
    epoch()
    return time.perf_counter() - start


def pair_ratios(ours: Callable[[], object], other: Callable[[], object], pairs: int) -> list[float]:
    """Other's time over ours in alternating pairs (order swapped)."""
    ratios = []
    for number in range(pairs):
        if number % 2:
            slow, fast = seconds(other), seconds(ours)
        else:
            fast, slow = seconds(ours), seconds(other)
        ratios.append(slow / fast)
    return ratios


def median_ratio(ours: Callable[[], object], other: Callable[[], object], pairs: int) -> float:
    """Other's time over ours, the median over alternating pairs."""
    return statistics.median(pair_ratios(ours, other, pairs))
