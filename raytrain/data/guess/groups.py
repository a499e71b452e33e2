"""Which images belong together, such as views of one car, a patient's slices or a video's frames.

The evidence is in the names, and in how much images resemble each other. Groups that are too large
do little harm; groups that are too small make scores too good. So a border that is not certain is
not used.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from raytrain.config.expression import number_in
from raytrain.data.guess.said import Said
from raytrain.data.index import SPLITS
from raytrain.data.seen import Seen

FEWEST = 3
"""Smallest number of groups for folds, and smallest number of pairs that count as evidence."""
ENOUGH = 0.8
"""Smallest share of the pairs of nearly equal images that groups must keep together."""
MOST_ALIKE = 20_000
"""Largest number of images whose signatures are compared."""

# Cosines of signatures, from 200 cardiac slices (two of each patient) and 612 frames of 29 videos.
_SURER = 0.95  # share of comparisons in which pairs of a block are more alike than its borders
_GAP = 0.2  # least difference of their means; patients had 0.69
_ALIKE = 0.7  # median of neighboring frames; videos had 0.92
_CUT = 0.65  # most alike pair across a border; 7 of 28 true borders had less, and no false one
_WINDOW = 5  # frames on each side of a border
_BLOCKS = range(2, 21)
_CHANCE = 0.01  # highest probability that so many pairs share a group by chance
OWN = Said({"name": "own"}, "neither names nor images show which images belong together")
_JOINT = re.compile(r"[_\-. ]")


def group_of_images(seen: Sequence[Seen], pairs: Sequence[tuple[int, int]]) -> Said:
    """Return a value for `competition.group`, and the reason, from the names of these images and
    how much they resemble each other. `pairs` are pairs of indices of nearly equal images."""
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
    return OWN


def group_of(
    names: Sequence[str], signatures_ND: np.ndarray, pairs: Sequence[tuple[int, int]] = ()
) -> Said:
    """Return a value for `competition.group`, and the reason, from names, signatures and pairs of
    nearly equal images.

    Signatures are rows of `data/duplicates.py: signature`, in the order of the names.
    """
    found = _by_prefix(names, signatures_ND, pairs)
    if found is None and len(names) <= MOST_ALIKE:
        found = _by_number(names, _unit(signatures_ND))
    return found or OWN


def _unit(signatures_ND: np.ndarray) -> np.ndarray:
    """Return the rows with length 1, so that products are cosines."""
    unit_ND = signatures_ND.astype(np.float32)
    return unit_ND / (np.linalg.norm(unit_ND, axis=1, keepdims=True) + 1e-9)


def _by_prefix(
    names: Sequence[str], signatures_ND: np.ndarray, pairs: Sequence[tuple[int, int]]
) -> Said | None:
    """Return the shortest beginning of the names that divides the images into groups, or None."""
    for length in range(1, 6):
        places: dict[str, list[int]] = defaultdict(list)
        for place, name in enumerate(names):
            cuts = [match.start() for match in _JOINT.finditer(name) if match.start()]
            if len(cuts) < length:
                return None
            places[name[: cuts[length - 1]]].append(place)
        if len(places) < FEWEST or {*places} <= {*SPLITS}:
            continue
        if len(places) > 0.67 * len(names):
            return None
        rests = [[names[place][len(start) :] for place in of] for start, of in places.items()]
        if sum(map(_counts_on, rests)) >= 0.8 * len(rests):
            evidence = "their numbers count on"
        elif _hold([*places.values()], pairs):
            evidence = "nearly equal images are in the same group"
        elif _more_alike([*places.values()], signatures_ND):
            evidence = "their images resemble each other"
        else:
            continue
        joints = {names[place][len(start)] for start, of in places.items() for place in of}
        if len(joints) != 1:
            continue
        parts = _JOINT.split(next(iter(places)))
        joint = joints.pop()
        pattern = f"{{group}}{joint}*" if len(parts) == 1 else _several(parts, names, joint)
        if pattern is None:
            continue
        fewest, most = min(map(len, places.values())), max(map(len, places.values()))
        size = str(most) if fewest == most else f"{fewest} to {most}"
        why = f"names of {len(places)} groups of {size} images begin alike, and {evidence}"
        return Said(pattern, why)
    return None


def _several(parts: list[str], names: Sequence[str], joint: str) -> str | None:
    """Return the pattern of names that begin with several words, `parts` in one of them. A word
    that all names share is fixed text; the others form the group. Return None if all words are
    shared, or if names have different separators."""
    texts, free = [], 0
    for place, part in enumerate(parts):
        same = all(_JOINT.split(name)[place] == part for name in names)
        free += not same
        texts.append(part if same else f"{{group{free if free > 1 else ''}}}")
    joints = {_JOINT.findall(name)[place] for name in names for place in range(len(parts) - 1)}
    if len(joints) != 1 or not free:
        return None
    return joints.pop().join(texts) + f"{joint}*"


def _counts_on(rests: list[str]) -> bool:
    """Return whether the rest of the names contains a number that counts on from a small start."""
    found = [[int(number) for number in re.findall(r"\d+", rest)] for rest in rests]
    for column in zip(*found, strict=False):
        numbers = sorted(set(column))
        enough = len(numbers) >= min(2, len(rests))
        if enough and numbers[0] <= 20 and numbers[-1] - numbers[0] < 3 * len(numbers):
            return True
    return False


def _hold(groups: list[list[int]], pairs: Sequence[tuple[int, int]]) -> bool:
    """Return whether nearly equal images are in the same group more often than by chance."""
    owner = {place: number for number, of in enumerate(groups) for place in of}
    together = sum(owner[i] == owner[j] for i, j in pairs)
    by_chance = sum(len(of) * (len(of) - 1) for of in groups) / (len(owner) * (len(owner) - 1))
    if together < max(FEWEST, ENOUGH * len(pairs)):
        return False
    from scipy.stats import binom  # slow to import

    return bool(binom.sf(together - 1, len(pairs), by_chance) < _CHANCE)


def _more_alike(groups: list[list[int]], signatures_ND: np.ndarray) -> bool:
    """Return whether images of one group resemble each other far more than images of different
    groups do."""
    rng = np.random.default_rng(0)
    within, across = [], []
    every = [place for of in groups for place in of]
    owner = {place: number for number, of in enumerate(groups) for place in of}
    for of in groups[:400]:
        if len(of) > 1:
            one, other = rng.choice(of, 2, replace=False)
            stranger = int(rng.choice(every))
            unit_ND = _unit(signatures_ND[[one, other, stranger]])
            within.append(float(unit_ND[0] @ unit_ND[1]))
            if owner[stranger] != owner[one]:
                across.append(float(unit_ND[0] @ unit_ND[2]))
    if len(within) < FEWEST or len(across) < FEWEST:
        return False
    return _share_above(np.array(within), np.array(across)) >= _SURER


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
            share = _share_above(inside, near_N[border_N])
            if best is None or share > best[0]:
                best = (share, size, last)
    if best is None or best[0] < _SURER:
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


def _share_above(one_N: np.ndarray, other_N: np.ndarray) -> float:
    """Return the share of pairs in which the value of the first array is larger than that of the
    second."""
    return float((one_N[:, None] > other_N[None]).mean())
