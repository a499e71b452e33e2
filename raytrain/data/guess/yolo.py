"""Text files of YOLO segmentation, and the names of their classes."""

import re
from collections.abc import Iterator
from pathlib import Path

from raytrain.data.guess.annotated import PROBED, Annotated
from raytrain.data.guess.classmap import class_map
from raytrain.data.guess.families import Family, families
from raytrain.data.guess.files import File
from raytrain.data.guess.looks import spread

_SHARE = r"-?(?:0?\.\d+|[01](?:\.\d*)?|\d(?:\.\d+)?[eE]-\d+)"
_POLYGON = re.compile(rf"\d+(?:\s+{_SHARE}\s+{_SHARE}){{3,}}\s*")
"""Pattern of a line: a class and three or more corners, in shares of the image."""
_BOX = re.compile(rf"\d+(?:\s+{_SHARE}){{4}}\s*")
"""Pattern of a line with a box alone."""


def yolo(root: Path, files: list[File]) -> Annotated | None:
    """Return the files of YOLO segmentation among these files, or None. The classes have the names
    of a file such as `data.yaml`, if there is one."""
    texts = families([file for file in files if file.suffix == ".txt"])
    found = tuple(family for family in texts if _all(_POLYGON, root, family))
    if not found:
        return None
    used = {number for family in found for number in _classes(root, family)}
    names = class_map(root, files)
    known = {} if names is None else names.numbers
    count = max(used) + 1
    if not set(range(count)) <= set(known):
        known = {number: known.get(number, f"class {number}") for number in range(count)}
    in_order = tuple(known[number] for number in sorted(known))
    classes = tuple(dict.fromkeys(known[number] for number in sorted(used)))
    drawn = tuple(name for name in classes if name != "background")
    return Annotated("yolo", (), drawn, (), found, in_order)


def boxes(root: Path, files: list[File]) -> str | None:
    """Return the pattern of text files that contain YOLO's boxes and no outlines, or None."""
    texts = families([file for file in files if file.suffix == ".txt"])
    return next((family.shown for family in texts if _all(_BOX, root, family)), None)


def _all(pattern: re.Pattern[str], root: Path, family: Family) -> bool:
    """Return whether the family's files have lines, and each line has this pattern."""
    chosen = spread(family.members, PROBED)
    lines = [line for member in chosen for line in _lines(root / member.address)]
    return bool(lines) and all(map(pattern.fullmatch, lines))


def _classes(root: Path, family: Family) -> set[int]:
    firsts = (line.split()[0] for m in family.members for line in _lines(root / m.address))
    return {int(word) for word in firsts if word.isdecimal()}


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file that are not blank; none if it cannot be read."""
    try:
        yield from filter(str.strip, path.read_text(encoding="utf-8-sig").splitlines())
    except (OSError, UnicodeDecodeError):
        return
