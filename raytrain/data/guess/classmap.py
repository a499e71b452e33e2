"""Names, numbers and colors of classes, from a small file that lists them."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raytrain.data.guess.files import File
from raytrain.data.tables import scan_table

LARGEST = 100_000
"""Largest number of bytes of a file that may list classes."""
_NAME = ("name", "class", "class_name", "label", "category", "classes")
_NUMBER = ("id", "number", "index", "value", "class_id", "label_id", "pixel", "pixel_value")
_COLORS = (("r", "g", "b"), ("red", "green", "blue"))


@dataclass(frozen=True)
class ClassMap:
    """The classes that a file lists."""

    file: str
    numbers: dict[int, str]
    """Mask value -> name; empty if the file has only colors."""
    colors: dict[int, str]
    """Color as 0xrrggbb -> name; empty if the file has none."""
    columns: tuple[str, str, str, str] | None = None
    """The columns of name, red, green and blue."""


def class_map(root: Path, files: list[File]) -> ClassMap | None:
    """Return the classes in the first file that lists classes, or None."""
    found = (_read(root, file) for file in files if file.suffix in (".csv", ".json", ".txt"))
    return next((each for each in found if each is not None), None)


def _read(root: Path, file: File) -> ClassMap | None:
    path = root / file.address
    if path.stat().st_size > LARGEST:
        return None
    try:
        if file.suffix == ".csv":
            return _from_table(path, file.address)
        if not re.search(r"class|label|categor|palette", file.stem, re.IGNORECASE):
            return None
        text = path.read_text(encoding="utf-8-sig")
        if file.suffix == ".txt":
            return _from_lines(text, file.address)
        return _from_json(json.loads(text), file.address)
    except (ValueError, OSError, RecursionError):
        return None


def _from_table(path: Path, address: str) -> ClassMap | None:
    table, problems = scan_table(path)
    if problems or not table.rows or len(table.rows) > 300:
        return None
    lower = {name.strip().lower(): name for name in table.header}
    name = next((lower[word] for word in _NAME if word in lower), None)
    if name is None:
        return None
    words = table.column(name)
    if len(set(words)) != len(words):
        return None
    for rgb in _COLORS:
        if all(word in lower for word in rgb):
            columns = [lower[word] for word in rgb]
            parts = zip(*(map(int, table.column(column)) for column in columns), strict=True)
            colors = [red << 16 | green << 8 | blue for red, green, blue in parts]
            shown = (name, columns[0], columns[1], columns[2])
            return ClassMap(address, {}, dict(zip(colors, words, strict=True)), shown)
    number = next((lower[word] for word in _NUMBER if word in lower and lower[word] != name), None)
    if number is None:
        return None
    return ClassMap(address, dict(zip(map(int, table.column(number)), words, strict=True)), {})


def _from_lines(text: str, address: str) -> ClassMap | None:
    """Read classes from lines. A line is a name alone, or `0: name`, `0 name`, `name 0` or
    `name,r,g,b`. Return None for other lines, or fewer than two classes."""
    numbers: dict[int, str] = {}
    for place, line in enumerate(filter(None, map(str.strip, text.splitlines()))):
        match = re.fullmatch(r"(?:(\d+)\s*[:,\s]\s*)?([^\d,:][^,:]*?)(?:\s*[:,\s]\s*(\d+))?", line)
        if match is None:
            return None
        number = match[1] or match[3]
        numbers[int(number) if number else place] = match[2].strip()
    return ClassMap(address, numbers, {}) if len(numbers) > 1 else None


def _from_json(tree: Any, address: str) -> ClassMap | None:
    """Read classes from `{name: number}`, `{number: name}` or `{name: [r, g, b]}`. Return None for
    anything else, and for fewer than 2 or more than 300 entries."""
    if not isinstance(tree, dict) or not 1 < len(tree) <= 300:
        return None
    items = [*tree.items()]
    if all(type(value) is int for _, value in items):
        return ClassMap(address, {value: key for key, value in items}, {})
    if all(key.isdecimal() and isinstance(value, str) for key, value in items):
        return ClassMap(address, {int(key): value for key, value in items}, {})
    if all(
        isinstance(v, list) and len(v) == 3 and all(type(c) is int for c in v) for _, v in items
    ):
        return ClassMap(address, {}, {v[0] << 16 | v[1] << 8 | v[2]: key for key, v in items})
    return None
