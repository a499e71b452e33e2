"""Images of one folder whose suffixes differ, such as `a.jpg` and `b.png`, are one family."""

import re
from collections import defaultdict
from pathlib import Path

from raytrain.data.guess.families import Family
from raytrain.data.guess.files import PICTURES, File, names_masks
from raytrain.data.guess.looks import looks_of
from raytrain.data.guess.split_rule import split_as_part
from raytrain.data.patterns import path_fields

_JOINT = re.compile(r"[_\-. ]")
ANY = ".*"
"""The suffix of a family whose files have several suffixes."""


def any_suffix(root: Path, families: list[Family], files: list[File]) -> list[Family]:
    """Return the families with those as one that differ only in their suffixes, the largest first.

    If the folder of another split has the same names with another suffix, its pattern gets the
    suffix `.*`, too. Images and masks beside each other stay two families, because they look
    different or have the same names. `files` are all files: those that are no pictures must not
    match the pattern with `.*`.
    """
    alike: dict[tuple[object, ...], list[Family]] = defaultdict(list)
    for family in families:
        place = tuple(name and split_as_part(name) for name in family.folders)
        alike[place, family.before, family.after].append(family)
    found: list[Family] = []
    for group in alike.values():
        found += group if len({each.suffix for each in group}) == 1 else _joined(root, group, files)
    return sorted(found, key=lambda family: (-len(family.members), family.shown))


def _joined(root: Path, group: list[Family], files: list[File]) -> list[Family]:
    looking: dict[bool | None, list[Family]] = defaultdict(list)
    for family in group:
        looks = looks_of(root, family) if family.suffix in PICTURES else None
        looking[None if looks is None else looks.flat].append(family)
    found: list[Family] = looking.pop(None, [])
    for several in looking.values():
        of_place: dict[tuple[str | None, ...], list[Family]] = defaultdict(list)
        for family in several:
            of_place[family.folders].append(family)
        joined = [_as_one(families) for families in of_place.values()]
        differ = len({family.suffix for family in several}) > 1
        whole = differ and all(_is_read(family, files) for family in joined)
        found += joined if whole else several
    return found


def _as_one(several: list[Family]) -> Family:
    first = several[0]
    members = sorted((m for each in several for m in each.members), key=lambda m: m.address)
    return Family(first.folders, first.before, first.after, ANY, tuple(members))


def _is_read(family: Family, files: list[File]) -> bool:
    """Return whether the family's pattern finds exactly its images.

    Each image needs a name of its own. Besides the images, the pattern may match masks only. A file
    such as `a_small.png` beside `a.jpg` is no image of its own.
    """
    core = "{name}" if any(each.core for each in family.members) else ""
    pattern = family.pattern(["*"] * family.folders.count(None), core)
    own = {each.address: each.core for each in family.members}
    names = {(each.free, each.core) for each in family.members}
    derived = any(
        (each.free, each.core[: joint.start()]) in names
        for each in family.members
        for joint in _JOINT.finditer(each.core)
    )
    if derived or len(names) < len(own):
        return False
    read = {
        file.address: fields.get("name", "")
        for file in files
        if len(file.folders) == len(family.folders)
        and (file.address in own or file.suffix not in PICTURES or not names_masks(file.stem))
        and (fields := path_fields(file.address, pattern)) is not None
    }
    return read == own
