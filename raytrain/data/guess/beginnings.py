"""Groups of images whose names begin alike, such as `car1_01`, `car1_02` and `car2_01`."""

import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from raytrain.data.guess.said import Said
from raytrain.data.index import SPLITS

FEWEST = 3
"""Smallest number of groups for folds, and smallest number of pairs that count as evidence."""
ENOUGH = 0.8
"""Smallest share of the pairs of nearly equal images that groups must keep together."""
SURER = 0.95
"""Smallest share of comparisons in which pairs of a group are more alike than other pairs."""
FOLDS, LARGE = 5, 50
"""Largest number of words that are classes or places; and the mean number of images of a word from
which twice as many are."""
OWN = Said({"name": "own"}, "neither names nor images show which images belong together")
_CHANCE = 0.01
"""Highest probability that so many pairs share a group by chance."""
_JOINT = re.compile(r"[_\-. ]")
_PLACE = re.compile(r"(?i:site|center|centre|hospital|lab|scanner|batch|class|dataset)\d*")
"""Pattern of words that may have a number and name no patient, car or video."""


def unit(signatures_ND: np.ndarray) -> np.ndarray:
    """Return the rows with length 1, so that products are cosines."""
    unit_ND = signatures_ND.astype(np.float32)
    return unit_ND / (np.linalg.norm(unit_ND, axis=1, keepdims=True) + 1e-9)


def by_beginning(
    names: Sequence[str], signatures_ND: np.ndarray, pairs: Sequence[tuple[int, int]]
) -> Said | None:
    """Return the shortest beginning of the names that divides the images into groups, or None.

    A handful of words without numbers, such as classes or hospitals, are no groups if there is a
    longer beginning. If there is none, they are groups only if their images resemble each other.
    Otherwise the result says that each image is its own group, and why.
    """
    words: Said | None = None
    for length in range(1, 6):
        places: dict[str, list[int]] = defaultdict(list)
        for place, name in enumerate(names):
            cuts = [match.start() for match in _JOINT.finditer(name) if match.start()]
            if len(cuts) < length:
                return words
            places[name[: cuts[length - 1]]].append(place)
        if len(places) < FEWEST or {*places} <= {*SPLITS}:
            continue
        if len(places) > 0.67 * len(names):
            return words
        rests = [[names[place][len(start) :] for place in of] for start, of in places.items()]
        few = _are_words([*places], len(names))
        if few and not _more_alike([*places.values()], signatures_ND):
            words = _only_words([*places])
            continue
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
        if not few:
            return Said(pattern, why)
        words = Said(pattern, why)
    return words


def _are_words(starts: list[str], images: int) -> bool:
    """Return whether these beginnings of the names of `images` images are a handful, and differ in
    words without numbers."""
    most = FOLDS * (1 + (images >= LARGE * len(starts)))
    columns = zip(*map(_JOINT.split, starts), strict=False)
    own = [text for column in columns if len({*column}) > 1 for text in column]
    return len(starts) <= most and all(
        _PLACE.fullmatch(text) or not re.search(r"\d", text) for text in own
    )


def _only_words(starts: list[str]) -> Said:
    why = f"{len(starts)} words at the beginning of names, such as {starts[0]!r}, may be classes"
    return Said(OWN.value, f"{why} or places; {OWN.why}")


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
            unit_ND = unit(signatures_ND[[one, other, stranger]])
            within.append(float(unit_ND[0] @ unit_ND[1]))
            if owner[stranger] != owner[one]:
                across.append(float(unit_ND[0] @ unit_ND[2]))
    if len(within) < FEWEST or len(across) < FEWEST:
        return False
    return share_above(np.array(within), np.array(across)) >= SURER


def share_above(one_N: np.ndarray, other_N: np.ndarray) -> float:
    """Return the share of pairs in which the value of the first array is larger than that of the
    second."""
    return float((one_N[:, None] > other_N[None]).mean())
