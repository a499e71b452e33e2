"""Several families of masks of the same images, each with one class: `x_lesion.png` and
`x_vessel.png`, or `lesion/x.png` and `vessel/x.png`."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from raytrain.data.decode import read_stored
from raytrain.data.guess.families import Family
from raytrain.data.guess.files import names_images, names_masks, split_of
from raytrain.data.guess.looks import LOOKED, spread
from raytrain.data.guess.pairs import Paired
from raytrain.data.index import natural_key
from raytrain.data.patterns import path_fields

SAME = 0.6
"""Smallest IoU of two masks that show the same thing, such as masks of two annotators."""
SAME_NUMBERED = 0.5
"""Like SAME, for masks that have a number and so may be objects, which hardly overlap."""
MOST_ANNOTATORS = 4
"""Largest number of families of masks that are compared; more of them hold objects."""
EQUAL = 0.9
"""Smallest IoU of the masks of several images that are the same for all images."""
_CLASS = "{class}"
_TOKEN = re.compile(r"([_\-. ])")


def by_class(pairs: Sequence[Paired]) -> Paired | None:
    """Return the pairs of images with several families of masks as one. The mask families differ in
    one word, which names the class; return None if they differ in more, or if a word is none for a
    class."""
    if any(each.parts != "one" for each in pairs):
        return None
    named = [_named(each) for each in pairs]
    first = pairs[0]
    if None in named or len({each.mask_free for each in pairs}) > 1:
        return None
    found = _with_class([family for family in named if family is not None])
    if found is None:
        return None
    pattern, words = found
    words = tuple(sorted(words, key=natural_key))
    of: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for each in pairs:
        for image, parts in each.of.items():
            of[image] += parts
    families = tuple(each.masks[0] for each in pairs)
    core = first.mask_core and "{name}"
    return replace(
        first, masks=families, pattern=pattern, mask_core=core, of=dict(of), parts="class",
        classes=words,
    )  # fmt: skip


def _named(pair: Paired) -> Family | None:
    """Return the family of the masks, with the text after the image's name as a part of its own
    names; None if the names have no such end."""
    family, core = pair.masks[0], pair.mask_core
    if core and not core.startswith("{name}"):
        return None
    return replace(family, after=core.removeprefix("{name}") + family.after)


def show_the_same(root: Path, pairs: Sequence[Paired], least: float) -> bool:
    """Return whether two families of masks show the same objects, as those of two annotators do:
    the median IoU of some of their masks is `least` or more."""
    return any(
        (ious := [*_ious(root, one, other)]) and float(np.median(ious)) >= least
        for one, other in combinations(_largest(pairs), 2)
    )


def _largest(pairs: Sequence[Paired]) -> list[Paired]:
    return sorted(pairs, key=lambda pair: -len(pair.of))[:MOST_ANNOTATORS]


def each_alone(pair: Paired) -> list[Paired]:
    """Return the masks of each class or number as the whole masks of their images, if one family of
    files has a file for each class or object."""
    if pair.parts == "one" or len(pair.masks) > 1:
        return [pair]
    part = f"{{{pair.parts}}}"
    of: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for image, parts in pair.of.items():
        for address in parts:
            fields = path_fields(address, pair.mask_pattern) or {}
            of[fields.get(pair.parts, "")][image] = (address,)
    if pair.parts == "object":  # names of annotators occur beside most images
        of = {word: alone for word, alone in of.items() if 2 * len(alone) > max(2, len(pair.of))}
    return [
        replace(
            pair, of=alone, parts="one", classes=(), mask_core=pair.mask_core.replace(part, word),
            mask_free=tuple(text.replace(part, word) for text in pair.mask_free),
        )
        for word, alone in of.items()
    ]  # fmt: skip


def same_everywhere(root: Path, pair: Paired) -> bool:
    """Return whether some masks of different images are nearly equal, as those are that show which
    part of an image the camera sees. Such masks are no truth."""
    layers = []
    for parts in spread(pair.of.values(), LOOKED):
        try:
            layers.append(_layer(root / parts[0]))
        except ValueError:
            continue
    several = len(layers) > 1 and len({layer.shape for layer in layers}) == 1
    if not several or not all(layer.any() for layer in layers):
        return False
    stack_NHW = np.stack(layers)
    return bool(stack_NHW.all(axis=0).sum() >= EQUAL * stack_NHW.any(axis=0).sum())


def _ious(root: Path, one: Paired, other: Paired) -> Iterator[float]:
    for image in spread([image for image in one.of if image in other.of], LOOKED):
        try:
            layers = [_layer(root / pair.of[image][0]) for pair in (one, other)]
        except ValueError:
            continue
        if layers[0].shape == layers[1].shape and (union := (layers[0] | layers[1]).sum()):
            yield float((layers[0] & layers[1]).sum() / union)


def _layer(path: Path) -> np.ndarray:
    values = read_stored(path).values
    return (values.max(axis=2) if values.ndim == 3 else values) != 0


def _with_class(families: Sequence[Family]) -> tuple[Family, tuple[str, ...]] | None:
    """Return the pattern of all families with `{class}` for the word in which they differ, and the
    word of each family; None if they differ in more than this word."""
    if len({(each.suffix, len(each.folders)) for each in families}) > 1:
        return None
    columns = [*zip(*((*f.folders, f.before, f.after) for f in families), strict=True)]
    texts: list[str | None] = []
    words: tuple[str, ...] | None = None
    for place, column in reversed([*enumerate(columns)]):  # the word in the file's name is first
        if len({*column}) == 1:
            texts.insert(0, column[0])
            continue
        split = None if None in column else _differing([str(text) for text in column])
        if split is None:
            return None
        start, own, end = split
        words = words or own
        if own == words:
            texts.insert(0, f"{start}{_CLASS}{end}")
        elif place < len(columns) - 2:
            texts.insert(0, "*")  # each class has a folder, whose name is another word
        else:
            return None
    if words is None or not all(map(_may_be_class, words)):
        return None
    *folders, before, after = texts
    first = families[0]
    return (
        replace(first, folders=tuple(folders), before=before or "", after=after or ""),
        words,
    )


def _differing(texts: Sequence[str]) -> tuple[str, tuple[str, ...], str] | None:
    """Return the start and the end that all texts share, in whole words, and the different texts
    between them; None if a text has nothing between them, or if two are equal."""
    parts = [_TOKEN.split(text) for text in texts]
    shortest = min(map(len, parts))
    start = 0
    while start < shortest and len({each[start] for each in parts}) == 1:
        start += 1
    end = 0
    while end < shortest - start and len({each[-1 - end] for each in parts}) == 1:
        end += 1
    own = tuple("".join(each[start : len(each) - end]) for each in parts)
    if not all(own) or len({*own}) < len(own):
        return None
    first = parts[0]
    return "".join(first[:start]), own, "".join(first[len(first) - end :])


def _may_be_class(word: str) -> bool:
    plain = not names_masks(word) and not names_images(word) and split_of(word) is None
    return plain and re.search("[A-Za-z]", word) is not None
