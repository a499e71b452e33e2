"""Which folders may have any name: each of them is one of many things, such as patients."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import lru_cache

from raytrain.data.guess.files import NO_TEST, names_images, names_masks, split_of, words_of

MOST_WORDS = 8
"""Largest number of sibling folders that count as different things. More folders are many of one
thing."""
FEWEST_SHARED = 2
"""Smallest number of names that folders of images and of masks share if these are no classes."""
_HASH = re.compile(r"(?=.*[0-9])[0-9a-f]{6,}|[0-9a-f]{8}-[0-9a-f-]{27}", re.IGNORECASE)
_NUMBERED = re.compile(r"(\D*[A-Za-z]\D*)(\d+)")
_CACHED = 2**17
"""Largest number of names whose meaning is cached."""


@dataclass
class Free:
    """The kinds of folder names that count as many of one thing, anywhere in the tree."""

    skeletons: set[str]
    words: set[str]
    """Names that are free by their number, or because images and masks have them."""
    hashes: bool = False

    def learn(self, names: list[str]) -> None:
        """Learn from the names of sibling folders which kinds of names count as many of one
        thing."""
        plain = [name for name in names if not _says_role(name)]
        counted = Counter(map(skeleton, plain))
        self.skeletons |= {text for text, count in counted.items() if count > 1 and "#" in text}
        self.skeletons |= _numbered(plain)
        hashes = [name for name in plain if _HASH.fullmatch(name)]
        self.hashes |= len(hashes) > 1
        rest = {skeleton(name) for name in plain if not self._counts(name)}
        if len(rest) > MOST_WORDS:
            self.words |= rest

    def knows(self, name: str) -> bool:
        """Return whether a folder with this name is one of many, such as one patient's folder."""
        return not _says_role(name) and (self._counts(name) or skeleton(name) in self.words)

    def _counts(self, name: str) -> bool:
        return skeleton(name) in self.skeletons or bool(self.hashes and _HASH.fullmatch(name))


def _numbered(names: list[str]) -> set[str]:
    """Return the skeletons of names with the same word before different numbers, whatever follows,
    such as `kidney_1_dense` and `kidney_2`."""
    of: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name in names:
        if (match := _NUMBERED.match(name)) is not None:
            of[match[1]][match[2]].append(name)
    single = (
        [name for (name,) in by.values()] for by in of.values() if {*map(len, by.values())} == {1}
    )
    return {skeleton(name) for names in single if len(names) > 1 for name in names}


def skeleton(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def free_in(folders: list[tuple[str, ...]], known: frozenset[str] = frozenset()) -> Free:
    """Return which kinds of names among these folders are many of one thing. Those in `known`
    are."""
    siblings: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for parts in folders:
        for depth, name in enumerate(parts):
            siblings[parts[:depth]].add(name)
    free = Free(set(), {*map(skeleton, known)})
    for names in siblings.values():
        free.learn(sorted(names))
    # Patients with one visit each: the visits are siblings only across the patients.
    across: dict[tuple[str | None, ...], set[str]] = defaultdict(set)
    for parts in folders:
        place = template(parts, free)
        for depth, name in enumerate(parts):
            across[place[:depth]].add(name)
    for names in across.values():
        free.learn(sorted(names))
    free.words |= {skeleton(name) for name in _shared(across)}
    return free


def _shared(below: dict[tuple[str | None, ...], set[str]]) -> set[str]:
    """Return the names of the folders below a folder of masks and a folder of images, if at least
    two names are below both: these are videos or cities, and not classes.

    The paths of both folders differ in one name, and perhaps in the split. A folder of images that
    has no folder of masks, such as a test video, is one of the same things.
    """
    alike: dict[tuple[str | None, ...], tuple[set[str], set[str]]] = defaultdict(
        lambda: (set(), set())
    )
    for parent, names in below.items():
        path = "/".join(name or "" for name in parent)
        plain = {name for name in names if not _says_role(name) and not NO_TEST & {*words_of(name)}}
        same = [name and ("{split}" if split_of(name) else name) for name in parent]
        for place in range(len(parent)):
            other = (*same[:place], "*", *same[place + 1 :])
            alike[other][names_masks(path)].update(plain)
    return {
        name
        for images, masks in alike.values()
        if len(images & masks) >= FEWEST_SHARED
        for name in images | masks
    }


def template(folders: tuple[str, ...], free: Free) -> tuple[str | None, ...]:
    return tuple(None if free.knows(name) else name for name in folders)


@lru_cache(maxsize=_CACHED)
def _says_role(name: str) -> bool:
    if _HASH.fullmatch(name):
        return False
    return bool(split_of(name) or names_masks(name) or names_images(name))
