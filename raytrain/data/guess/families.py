"""Group files that are named alike into families. A family has one folder pattern and one suffix.

`train/p1/scan/a_1.png`, `train/p2/scan/a_1.png`, ... are one family with the folders `train`,
anything, `scan`. A folder may have any name if the folders beside it are numbered, named by hashes,
or many.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from raytrain.data.guess.files import File, names_images, names_masks
from raytrain.data.guess.free import free_in, skeleton, template
from raytrain.data.guess.parts import united_parts

_CACHED = 2**17
"""Largest number of texts whose meaning is cached."""
_CUT = re.compile(r"[_\-. ]")


@dataclass(frozen=True)
class Member:
    """One file of a family."""

    address: str
    free: tuple[str, ...]
    """The names of the folders that may have any name, from the outside in."""
    core: str
    """The file's name without the text that all names of the family share."""


@dataclass(frozen=True)
class Family:
    """Files that are named alike."""

    folders: tuple[str | None, ...]
    """The names of the folders; None for a folder that may have any name."""
    before: str
    after: str
    """The text before and after the core in the files' names."""
    suffix: str
    members: tuple[Member, ...]

    def pattern(self, free: Iterable[str], core: str) -> str:
        """Return the path pattern of the family, with the texts `free` for its free folders and
        `core` for the core."""
        texts = iter(free)
        folders = [next(texts) if name is None else name for name in self.folders]
        return "/".join((*folders, f"{self.before}{core}{self.after}{self.suffix}"))

    def pattern_like(self, free: tuple[str, ...], core: str) -> str:
        """Return `pattern(free, core)`, or with `*` for every free folder if this family has
        another number of them."""
        count = self.folders.count(None)
        return self.pattern(free if count == len(free) else ("*",) * count, core)

    def keeping(self, before: str, after: str) -> "Family":
        """Return the family with only `before` and `after` outside the core. `before` is a
        beginning of the family's own `before`, and `after` is an end of its own `after`."""
        head, tail = self.before[len(before) :], self.after[: len(self.after) - len(after)]
        members = tuple(
            Member(each.address, each.free, f"{head}{each.core}{tail}") for each in self.members
        )
        return Family(self.folders, before, after, self.suffix, members)

    def without(self, start: str, end: str) -> "Family":
        """Return the family with `start` and `end` outside the core. All cores begin with `start`
        and end with `end`."""
        members = tuple(
            Member(each.address, each.free, each.core.removeprefix(start).removesuffix(end))
            for each in self.members
        )
        before, after = f"{self.before}{start}", f"{end}{self.after}"
        return Family(self.folders, before, after, self.suffix, members)

    @property
    def shown(self) -> str:
        """The path pattern for people, such as `train/*/scan/*_mask.png`."""
        return self.pattern(["*"] * self.folders.count(None), "*")

    @property
    def named(self) -> str:
        """The pattern with `{name}` for the core, and `*` for folders that may have any name."""
        return self.pattern(["*"] * self.folders.count(None), "{name}")

    @property
    def text(self) -> str:
        """The family's pattern without the parts that differ between its files."""
        return self.pattern([""] * self.folders.count(None), "")


def families(files: list[File], free_names: frozenset[str] = frozenset()) -> list[Family]:
    """Return the families (files named alike) of these files, the largest first. Folders named as
    in `free_names` count as many of one thing."""
    inside: dict[tuple[str, ...], list[File]] = defaultdict(list)
    for file in files:
        inside[file.folders].append(file)
    free = free_in([*inside], free_names)
    of_folder: dict[tuple[str | None, ...], list[File]] = defaultdict(list)
    for folders, own in inside.items():
        of_folder[template(folders, free)] += own
    found = []
    for place, placed in united_parts(of_folder).items():
        of_suffix: dict[str, list[File]] = defaultdict(list)
        beside = _stems(placed)
        for file in placed:
            of_suffix[file.suffix].append(file)
        for suffix, alike in of_suffix.items():
            for (before, after), named in _by_affix(alike, beside).items():
                members = tuple(_member(file, place, before, after) for file in named)
                found.append(Family(place, before, after, suffix, members))
    return sorted(found, key=lambda family: (-len(family.members), family.shown))


def _member(file: File, folders: tuple[str | None, ...], before: str, after: str) -> Member:
    free = tuple(own for own, fixed in zip(file.folders, folders, strict=True) if fixed is None)
    return Member(file.address, free, file.stem[len(before) : len(file.stem) - len(after)])


def _stems(files: list[File]) -> dict[tuple[str, ...], set[str]]:
    """Return the names without suffix of the files of each folder."""
    stems: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for file in files:
        stems[file.folders].add(file.stem)
    return stems


def _by_affix(
    files: list[File], stems: dict[tuple[str, ...], set[str]]
) -> dict[tuple[str, str], list[File]]:
    """Return the files, divided by the text before and after the core of their names. `stems` are
    the names in each folder, also of files with other suffixes."""
    endings = Counter(
        file.stem[at:]
        for file in files
        for at in _cuts(file.stem)
        if file.stem[:at] in stems[file.folders]
    )
    usual = {
        ending
        for ending, count in endings.items()
        if count > 1 and re.search("[A-Za-z]", ending) and count >= 0.1 * len(files)
    }
    fixed = _fixed_names(_stems(files))
    found: dict[tuple[str, str], list[File]] = defaultdict(list)
    for file in files:
        own = {*usual, _numbered_role(file.stem, stems[file.folders])}
        affix = (file.stem, "") if file.stem in fixed else _affix(file.stem, own)
        found[affix].append(file)
    return found


def _numbered_role(stem: str, beside: set[str]) -> str:
    """Return the ending with a role and a number, such as `_mask_1`, if the folder has the file
    without the number or without the whole ending; else an empty text."""
    cuts = _cuts(stem)
    if not cuts or not stem[cuts[-1] + 1 :].isdecimal():
        return ""
    for at in cuts[:-1]:
        if _is_role(stem[at + 1 : cuts[-1]]) and beside & {stem[:at], stem[: cuts[-1]]}:
            return stem[at:]
    return ""


def _fixed_names(stems: dict[tuple[str, ...], set[str]]) -> set[str]:
    """Return the names that are always the same, such as `scan` and `mask` in the folder of each
    patient."""
    counts = Counter(stem for names in stems.values() for stem in names)
    alike = Counter(map(skeleton, counts))
    return {
        stem
        for stem, count in counts.items()
        if count > 1 and 2 * count > len(stems) and alike[skeleton(stem)] == 1
        and re.search("[A-Za-z]", stem)
    }  # fmt: skip


def _affix(stem: str, usual: set[str]) -> tuple[str, str]:
    endings = (stem[at:] for at in _cuts(stem))
    after = next((end for end in endings if end in usual or _is_role(end[1:])), "")
    rest = stem[: len(stem) - len(after)]
    before = next((rest[: at + 1] for at in reversed(_cuts(rest)) if _is_role(rest[:at])), "")
    return before, after


@lru_cache(maxsize=_CACHED)
def _is_role(text: str) -> bool:
    """Return whether the whole text is a role of files: `mask`, `ground_truth`, `img`."""
    words = [word for word in _CUT.split(text.lower()) if word]
    return words == ["ground", "truth"] or (
        bool(words) and all(names_masks(word) or names_images(word) for word in words)
    )


def _cuts(stem: str) -> list[int]:
    return [match.start() for match in _CUT.finditer(stem) if 0 < match.start() < len(stem) - 1]
