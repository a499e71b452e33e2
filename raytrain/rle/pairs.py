"""The layout `start length start length ...`, which most competitions use."""

from typing import Literal, Protocol

import numpy as np

from raytrain.rle.runs import Runs

Starts = Literal["absolute", "relative"]


class PairRules(Protocol):
    """What the numbers in pairs of start and length mean."""

    @property
    def first(self) -> int:
        """The number from which pixels are counted, 0 or 1."""

    @property
    def starts(self) -> Starts:
        """`relative`: the first pixel after the previous run has the number `first`."""


def write_pairs(runs: Runs, shape_HW: tuple[int, int], rules: PairRules) -> str:
    """Return the text `start length start length ...` of runs, in rising order."""
    del shape_HW
    starts = runs.begins + rules.first
    if rules.starts == "relative":
        starts[1:] -= runs.ends[:-1]
    pairs = np.stack([starts, runs.ends - runs.begins], 1)
    return " ".join(map(str, pairs.ravel().tolist()))


def read_pairs(text: str, shape_HW: tuple[int, int], rules: PairRules) -> Runs:
    """Return the runs of a text `start length start length ...`.

    Raises ValueError for anything but whole numbers, a length of 0, an odd count, and runs that are
    not in order, overlap or leave the image. Runs may touch.
    """
    pairs = _numbers(text, rules.first)
    starts, lengths = pairs[:, 0], pairs[:, 1]
    size = shape_HW[0] * shape_HW[1]
    # Compared with the size before anything is summed, so that int64 does not overflow.
    _refuse_outside((starts - rules.first > size) | (lengths > size), pairs, shape_HW)
    begins = starts - rules.first
    if rules.starts == "relative":
        begins = np.cumsum(begins + lengths) - lengths
    ends = begins + lengths
    _refuse_outside(ends > size, pairs, shape_HW)
    overlapping = np.flatnonzero(begins[1:] < ends[:-1])
    if overlapping.size:
        at = overlapping[0]
        fault = "overlaps" if begins[at + 1] >= begins[at] else "starts before"
        raise ValueError(
            f"run {_shown(pairs, at + 1)} {fault} the run before it, {_shown(pairs, at)}"
        )
    return Runs(begins, ends)


def _refuse_outside(outside: np.ndarray, pairs: np.ndarray, shape_HW: tuple[int, int]) -> None:
    if outside.any():
        height, width = shape_HW
        raise ValueError(
            f"run {_shown(pairs, np.argmax(outside))} leaves the image of {width}x{height} px"
        )


def _shown(pairs: np.ndarray, at: np.intp) -> str:
    return f"{pairs[at, 0]} {pairs[at, 1]}"


def _numbers(text: str, first: int) -> np.ndarray:
    """Return starts and lengths (N, 2), int64. Raises ValueError for other words, for a start below
    `first`, and for a last start without length."""
    words = text.split()
    for place, word in enumerate(words):
        least = 1 if place % 2 else first
        # int() would also accept 1_0 and digits of other scripts; 18 digits fit into int64.
        if not (word.isascii() and word.isdecimal()) or len(word) > 18 or int(word) < least:
            kind = "positive whole number" if least else "whole number from 0 on"
            raise ValueError(f"{word!r} is not a {kind} below 10**18")
    if len(words) % 2:
        raise ValueError(f"{len(words)} numbers, but each start needs a length")
    return np.array(words, dtype=np.int64).reshape(-1, 2)
