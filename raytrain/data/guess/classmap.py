"""Names, numbers and colors of classes, from a small file that lists them."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from raytrain.data.guess.files import File
from raytrain.data.tables import scan_table

LARGEST = 1_000_000
"""Largest number of bytes of a file that may list classes."""
_SUFFIXES = (".csv", ".json", ".txt", ".yaml", ".yml")
_COLOR_LINE = re.compile(r"([^:]+):(\d{1,3}),(\d{1,3}),(\d{1,3})(?::[^:]*){0,2}")
"""Pattern of a line in CVAT's `labelmap.txt`: name, color, parts and actions."""
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
    found = (_read(root, file) for file in files if file.suffix in _SUFFIXES)
    return next((each for each in found if each is not None), None)


def _read(root: Path, file: File) -> ClassMap | None:
    path = root / file.address
    if path.stat().st_size > LARGEST:
        return None
    try:
        if file.suffix == ".csv":
            return _from_table(path, file.address)
        if file.suffix in (".yaml", ".yml"):
            return _from_yaml(yaml.safe_load(path.read_text(encoding="utf-8-sig")), file.address)
        if file.stem == "dataset" and file.suffix == ".json":
            return _from_nnunet(json.loads(path.read_text(encoding="utf-8-sig")), file.address)
        if not re.search(r"class|label|categor|palette", file.stem, re.IGNORECASE):
            return None
        text = path.read_text(encoding="utf-8-sig")
        if file.suffix == ".txt":
            return _from_lines(text, file.address)
        return _from_json(json.loads(text), file.address)
    except (ValueError, KeyError, AttributeError, OSError, RecursionError, yaml.YAMLError):
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
            colors = [_color(*levels) for levels in parts]
            shown = (name, columns[0], columns[1], columns[2])
            return ClassMap(address, {}, dict(zip(colors, words, strict=True)), shown)
    number = next((lower[word] for word in _NUMBER if word in lower and lower[word] != name), None)
    if number is None:
        return None
    return ClassMap(address, dict(zip(map(int, table.column(number)), words, strict=True)), {})


def _from_lines(text: str, address: str) -> ClassMap | None:
    """Read classes from lines. A line is a name alone, or `0: name`, `0 name`, `name 0` or
    `name:r,g,b::`. Lines that begin with # are comments. Return None for other lines, or fewer than
    two classes."""
    lines = [line for line in map(str.strip, text.splitlines()) if line and line[0] != "#"]
    colored = [match for line in lines if (match := _COLOR_LINE.fullmatch(line))]
    if len(colored) == len(lines) > 1:
        colors = {_color(int(m[2]), int(m[3]), int(m[4])): m[1].strip() for m in colored}
        return ClassMap(address, {}, colors)
    numbers: dict[int, str] = {}
    for place, line in enumerate(lines):
        match = re.fullmatch(r"(?:(\d+)\s*[:,\s]\s*)?([^\d,:][^,:]*?)(?:\s*[:,\s]\s*(\d+))?", line)
        if match is None:
            return None
        number = match[1] or match[3]
        numbers[int(number) if number else place] = match[2].strip()
    return ClassMap(address, numbers, {}) if len(numbers) > 1 else None


def _from_json(tree: Any, address: str) -> ClassMap | None:
    """Read classes from `{name: number}`, `{number: name}`, `{name: [r, g, b]}`, or Supervisely's
    `{classes: [{title: name, color: "#rrggbb"}]}`. Return None for anything else, and for fewer
    than 2 or more than 300 entries."""
    if isinstance(tree, dict) and isinstance(tree.get("classes"), list):
        entries = [each for each in tree["classes"] if isinstance(each, dict)]
        tree = {each.get("title"): [*bytes.fromhex(each["color"].lstrip("#"))] for each in entries}
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
        return ClassMap(address, {}, {_color(*levels): key for key, levels in items})
    return None


def _from_yaml(tree: Any, address: str) -> ClassMap | None:
    """Read classes from the `names` of a YOLO `data.yaml`: a list, or `{0: name}`."""
    names = tree.get("names") if isinstance(tree, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not all(type(number) is int for number in names):
        return None
    return ClassMap(address, {number: str(name) for number, name in names.items()}, {})


def _from_nnunet(tree: Any, address: str) -> ClassMap | None:
    """Read classes from the `labels` of nnU-Net's `dataset.json`: `{name: number}`, or in its first
    version `{number: name}`."""
    labels = tree.get("labels") if isinstance(tree, dict) else None
    return _from_json(labels, address)


def _color(red: int, green: int, blue: int) -> int:
    return red << 16 | green << 8 | blue
