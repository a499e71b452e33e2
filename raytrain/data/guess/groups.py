"""Which images belong together, such as views of one car, a patient's slices or a video's frames.

The evidence is in the names, and in how much images resemble each other. Groups that are too large
do little harm; groups that are too small make scores too good. So a border that is not certain is
not used.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from raytrain.config.expression import number_in
from raytrain.data.guess.beginnings import FEWEST, OWN, SURER, by_beginning, share_above, unit
from raytrain.data.guess.said import Said
from raytrain.data.seen import Seen

MOST_ALIKE = 20_000
"""Largest number of images whose signatures are compared."""

# Cosines of signatures, from 200 cardiac slices (two of each patient) and 612 frames of 29 videos.
_GAP = 0.2  # least difference of their means; patients had 0.69
_ALIKE = 0.7  # median of neighboring frames; videos had 0.92
_CUT = 0.65  # most alike pair across a border; 7 of 28 true borders had less, and no false one
_WINDOW = 5  # frames on each side of a border
_BLOCKS = range(2, 21)


def group_of_images(seen: Sequence[Seen], pairs: Sequence[tuple[int, int]]) -> Said:
    """Return a value for `competition.group`, and the reason, from the names of these images and
    how much they resemble each other. `pairs` are pairs of indices of nearly equal images."""
    own: Said | None = None
    labeled = [place for place, each in enumerate(seen) if each.row["mask"]]
    for places in (range(len(seen)), labeled):  # numbers of test images may begin anew
        if not places:
            continue
        number = {place: row for row, place in enumerate(places)}
        inside = [(number[i], number[j]) for i, j in pairs if i in number and j in number]
        names = [seen[place].row["id"] for place in places]
        found = group_of(names, np.stack([seen[place].signature for place in places]), inside)
        if found.value != OWN.value:
            return found
        own = own or found
    return own or OWN


def group_of(
    names: Sequence[str], signatures_ND: np.ndarray, pairs: Sequence[tuple[int, int]] = ()
) -> Said:
    """Return a value for `competition.group`, and the reason, from names, signatures and pairs of
    nearly equal images.

    Signatures are rows of `data/duplicates.py: signature`, in the order of the names.
    """
    found = by_beginning(names, signatures_ND, pairs)
    if (found or OWN).value == OWN.value and len(names) <= MOST_ALIKE:
        found = _by_number(names, unit(signatures_ND)) or found
    return found or OWN


def _by_number(names: Sequence[str], unit_ND: np.ndarray) -> Said | None:
    """Return groups of images with neighboring numbers. They follow from how much neighbors
    resemble each other. Return None if a name has no number, if many numbers are missing, or if
    neighbors show no groups."""
    try:
        numbers_N = np.array([number_in(name) for name in names])
    except ValueError:
        return None
    order_N = np.argsort(numbers_N, kind="stable")
    numbers_N, unit_ND = numbers_N[order_N], unit_ND[order_N]
    steps_N = np.diff(numbers_N)
    if len(numbers_N) < 12 or (steps_N != 1).mean() > 0.2:
        return None
    alike_N = (unit_ND[:-1] * unit_ND[1:]).sum(1)
    return _blocks(numbers_N, alike_N) or _sequences(numbers_N, alike_N, unit_ND)


def _blocks(numbers_N: np.ndarray, alike_N: np.ndarray) -> Said | None:
    """Return an expression if every k images in a row are alike, and differ from the next k."""
    near_N, before_N = alike_N[np.diff(numbers_N) == 1], numbers_N[:-1][np.diff(numbers_N) == 1]
    best: tuple[float, int, int] | None = None
    for size in _BLOCKS:
        if len(near_N) < FEWEST * size * 2:
            break
        for last in range(size):
            border_N = before_N % size == last
            inside = near_N[~border_N]
            if not border_N.any() or inside.mean() - near_N[border_N].mean() < _GAP:
                continue
            share = share_above(inside, near_N[border_N])
            if best is None or share > best[0]:
                best = (share, size, last)
    if best is None or best[0] < SURER:
        return None
    share, size, last = best
    add = (size - 1 - last) % size
    text = f"(N+{add})//{size}" if add else f"N//{size}"
    why = f"each {size} images in a row are alike: {100 * share:.0f} % of their pairs are more "
    return Said(text, f"{why}alike than the pairs across the borders")


def _sequences(numbers_N: np.ndarray, alike_N: np.ndarray, unit_ND: np.ndarray) -> Said | None:
    """Return the last numbers of sequences, if consecutive images resemble each other as frames
    do."""
    if np.median(alike_N) < _ALIKE:
        return None
    ends = []
    for place in range(len(numbers_N) - 1):
        before_ND = unit_ND[max(0, place - _WINDOW + 1) : place + 1]
        if (before_ND @ unit_ND[place + 1 : place + 1 + _WINDOW].T).max() < _CUT:
            ends.append(int(numbers_N[place]))
    ends = [one for one, other in pairwise([*ends, int(numbers_N[-1])]) if other - one >= _WINDOW]
    ends.append(int(numbers_N[-1]))
    if len(ends) >= FEWEST:
        why = f"neighboring numbers are alike as frames are, except at {len(ends) - 1} borders; "
        return Said({"name": "ends", "ends": ends}, f"{why}correct the numbers if you know better")
    size = max(2, -(-len(numbers_N) // 6))
    why = "neighboring numbers are alike, as slices of one volume are; blocks of them stay together"
    return Said(f"N//{size}", why)
