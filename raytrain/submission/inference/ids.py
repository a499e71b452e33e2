"""The parts of ids: the image's name, a class, and text around them."""

import os
import re
from collections import Counter
from dataclasses import dataclass

from raytrain.submission.inference.finding import Sure
from raytrain.submission.inference.images import SUFFIXES

MOST_CLASSES = 254
_SUFFIX = rf"(?:{'|'.join(map(re.escape, SUFFIXES))})"
_ENDING_HEAD = re.compile(
    rf"{_SUFFIX}?[^0-9A-Za-z]*(?:(?:mask|class|label|cls)[^0-9A-Za-z]+)?", re.IGNORECASE
)


@dataclass(frozen=True)
class Ids:
    """The rule by which a table's ids are read."""

    before: str
    """The text of an id before the image's name."""
    endings: dict[str, str]
    """Text after the name -> its class, or "" if the text names no class."""
    template: str
    sure: Sure
    why: str

    @property
    def words(self) -> tuple[str, ...]:
        """The classes in the order of their first appearance; () if ids name no class."""
        return tuple(word for word in self.endings.values() if word)

    def split(self, id: str, names: set[str]) -> tuple[str, str] | None:
        """Return (name, class) of an id. Known names are preferred. None when the id does not
        match."""
        fitting = [
            (id[len(self.before) : len(id) - len(ending)], word)
            for ending, word in sorted(self.endings.items(), key=lambda item: -len(item[0]))
            if id.startswith(self.before) and id.endswith(ending)
        ]
        fitting = [item for item in fitting if item[0]]
        return next((item for item in fitting if item[0] in names), next(iter(fitting), None))


def ids_by_names(ids: list[str], names: set[str]) -> Ids | None:
    """Return the rule by which ids contain images' names; None if no id contains one, or if the ids
    have no common template."""
    splits = {id: [*_splits(id, names)] for id in ids}
    counts = Counter((before, after) for found in splits.values() for before, _, after in found)
    # A name may be part of another one; the text around most ids decides.
    chosen = [
        max(found, key=lambda split: (counts[split[0], split[2]], len(split[1])))
        for found in splits.values()
        if found
    ]
    counted = Counter(after for _, _, after in chosen)
    usual = counted.most_common(1)[0][0] if counted else ""
    if "" in counted and len(counted) > 1:  # a bare name among names with a class is a mistake
        chosen = [split for split in chosen if bool(split[2]) == bool(usual)]
    befores = {before for before, _, _ in chosen}
    endings = [*dict.fromkeys(after for _, _, after in chosen)]
    if len(befores) != 1 or len(endings) > MOST_CLASSES:
        return None
    (before,) = befores
    matched = f"{len(chosen)} of {len(splits)} ids contain an image's name"
    return _ids(before, endings, "decided" if len(chosen) > 1 else "likely", matched)


def ids_alone(ids: list[str]) -> Ids:
    """Return the rule of ids without known images. Endings are classes if every beginning occurs
    with all of them."""
    unique = [*dict.fromkeys(ids)]
    if endings := _grid(unique):
        found = _ids("", endings, "likely", f"every name has the same {len(endings)} endings")
        if found is not None:
            return found
    ending = _suffix(unique)
    return Ids(
        "", {ending: ""}, f"{{name}}{ending}", "likely", "the names have no endings in common"
    )


def _ids(before: str, endings: list[str], sure: Sure, why: str) -> Ids | None:
    if len(endings) == 1:
        return Ids(before, {endings[0]: ""}, f"{before}{{name}}{endings[0]}", sure, why)
    head, tail = _around_class(endings)
    words = [ending[len(head) : len(ending) - len(tail)] for ending in endings]
    if not all(words) or not _are_classes(words):
        return None
    shown = ", ".join(words[:6]) + (", ..." if len(words) > 6 else "")
    return Ids(
        before, dict(zip(endings, words, strict=True)), f"{before}{{name}}{head}{{class}}{tail}",
        sure, f"{why}, followed by the class: {shown}",
    )  # fmt: skip


def _around_class(endings: list[str]) -> tuple[str, str]:
    """Return the text before and after the class in the endings. All endings share this text."""
    tail = _suffix(endings)
    # These are not paths, so a comparison by letter is intended.
    shared = os.path.commonprefix([e[: len(e) - len(tail)] for e in endings])  # noqa: RUF071
    rests = [end[len(shared) : len(end) - len(tail)] for end in endings]
    if all(rest.isdecimal() for rest in rests if rest) and any(rests):
        return shared.rstrip("0123456789"), tail
    # Not everything they share: classes may begin alike, such as large_bowel and large_vessel.
    head = _ENDING_HEAD.match(shared)
    return head[0] if head else "", tail


def _are_classes(words: list[str]) -> bool:
    if all(word.isdecimal() for word in words):
        return all(word == str(int(word)) for word in words) and max(map(int, words)) <= 254
    return all(re.search("[A-Za-z]", word) for word in words)


def holds_name(id: str, names: set[str]) -> bool:
    """Return whether an id contains a known name as a separate word."""
    return bool(_splits(id, names))


def _splits(id: str, names: set[str]) -> list[tuple[str, str, str]]:
    """Return (before, name, after) for every known name in an id."""
    cuts = [0, *_cuts(id), len(id)]
    return [
        (id[:begin], id[begin:end], id[end:])
        for place, begin in enumerate(cuts)
        for end in cuts[place + 1 :]
        if id[begin:end] in names
    ]


def _cuts(id: str) -> list[int]:
    """Return the positions where a word ends or begins."""
    return [
        at for at in range(1, len(id)) if not (id[at - 1].isalnum() and id[at].isalnum())
    ]  # fmt: skip


def _grid(ids: list[str]) -> list[str]:
    """Return the shortest endings with which all beginnings (at least two) occur, or []."""
    have = set(ids)
    for cut in reversed(_cuts(ids[0])):
        stem, separator = ids[0][:cut], ids[0][cut]
        if separator.isalnum():
            continue
        endings = [id[cut:] for id in ids if id.startswith(stem + separator)]
        if not 2 <= len(endings) <= len(ids) // 2 or len(endings) > MOST_CLASSES:
            continue
        longest_first = sorted(endings, key=len, reverse=True)
        stems = {
            next((id[: -len(end)] for end in longest_first if id.endswith(end)), "") for id in ids
        }
        if len(stems) * len(endings) == len(ids) and all(
            stem + end in have for stem in stems for end in endings
        ):
            return [_suffix([*stems]) + end for end in endings]
    return []


def _suffix(texts: list[str]) -> str:
    """Return the file suffix that all texts share, or ""."""
    found = {match[0] if (match := re.search(_SUFFIX + "$", text)) else "" for text in texts}
    return found.pop() if len(found) == 1 else ""
