"""Tables of a competition: run-length encoded masks, the sample submission, groups and splits."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from raytrain.data.guess.families import Family
from raytrain.data.guess.files import PICTURES, File
from raytrain.data.guess.looks import spread
from raytrain.data.guess.said import Said, Tree
from raytrain.data.tables import CsvTable, scan_table, without_suffix
from raytrain.rle.guess import best_layout, says_no_pixel

PROBED = 200
_GROUP = re.compile(
    r"(?i).*(patient|subject|case|slide|video|sequence|seq|group|series|study|scene|donor|site|clip"
    r"|lesion(?=_?id))(_?(id|no|nr|number|name))?"
)
_SAMPLE = re.compile(r"(?i)sample|submission|submit")
_CUT = re.compile(r"[^0-9A-Za-z]")


@dataclass(frozen=True)
class Tables:
    """The CSV files of a folder, by content."""

    every: tuple[CsvTable, ...]
    masks: Path | None
    """The table with the training masks."""
    sample: Path | None
    """The sample submission."""


def tables_in(root: Path, files: list[File], sample: Path | None) -> Tables:
    """Return the CSV files among `files` by their roles. Files that are not tables are left out.
    `sample` is the path of the sample submission, if it is known."""
    every = []
    for file in files:
        if file.suffix == ".csv":
            try:
                table, problems = scan_table(root / file.address)
            except ValueError:
                continue
            if table.rows and not problems and len(table.header) > 1:
                every.append(table)
    if sample is None:
        named = [table for table in every if _SAMPLE.search(table.path.stem)]
        stems = {file.stem for file in files if file.suffix in PICTURES}
        best = max(named, key=lambda table: _share_named(table, stems), default=None)
        sample = None if best is None else best.path
    others = [table for table in every if sample is None or table.path != sample]
    masks = [table for table in others if encoding_column(table) is not None]
    largest = max(masks, key=lambda table: len(table.rows)) if masks else None
    return Tables(tuple(others), largest.path if largest else None, sample)


def _share_named(table: CsvTable, stems: set[str]) -> float:
    """Return the share of a sample's ids that begin with an image's name."""
    cells = spread(table.column(table.header[0]), PROBED)
    return sum(begins_with(cell, stems) for cell in cells) / max(1, len(cells))


def begins_with(cell: str, names: set[str]) -> bool:
    """Return whether an id is one of these names, or begins with one and a separator, such as
    `_`."""
    return any(cell[:at] in names for at in (*_ends(cell), len(cell)))


def encoding_column(table: CsvTable) -> str | None:
    """Return the name of the column that holds run-length encoded masks, or None."""
    for name in reversed(table.header):
        cells = [cell for cell in table.column(name) if not says_no_pixel(cell)]
        cells = spread(cells, PROBED)
        # Two numbers may be anything, so some cell must have more runs, or letters.
        telling = any(len(cell.split()) >= 4 or len(cell) > 20 for cell in cells)
        if cells and telling and best_layout(cells, [None] * len(cells))[2] is None:
            return name
    return None


@dataclass(frozen=True)
class Naming:
    """How tables name the images of a family."""

    free: tuple[str, ...]
    core: str
    image_id: str | None
    names: dict[str, str]
    """Address of an image file -> the image's name in the tables."""

    def pattern(self, family: Family) -> str:
        """Return the path pattern of a family, with parts such as `{name}` for the names."""
        return family.pattern(self.free, self.core)


def naming(family: Family, cells: set[str]) -> Naming | None:
    """Return how these cells of tables name the images of a family, or None if they do not.

    A cell begins with the image's name: the file's name, or a folder's name and a part of the
    file's name.
    """
    family = family.keeping("", "")
    begins = beginnings(cells)
    members, count = family.members, family.folders.count(None)
    if sum(each.core in begins for each in members) >= 0.3 * len(members):
        unique = len({each.core for each in members}) == len(members)
        if unique:
            free = _free_or_name(family)
            return Naming(free, "{name}", None, {each.address: each.core for each in members})
    for place in reversed(range(count)):
        found = _with_folder(family, place, begins)
        if found is not None:
            return found
    return None


def beginnings(cells: set[str]) -> set[str]:
    """Return every text with which one of the cells begins: up to a joint, or the whole cell."""
    return {cell[:at] for cell in cells for at in (*_ends(cell), len(cell))}


def _free_or_name(family: Family) -> tuple[str, ...]:
    count = family.folders.count(None)
    if count and all(each.free[-1] == each.core for each in family.members):
        return (*["*"] * (count - 1), "{name}")
    return ("*",) * count


def _with_folder(family: Family, place: int, begins: set[str]) -> Naming | None:
    """Return the naming by the folder at `place`, which may have any name, and the first words of
    the file's name. Return None if it fits fewer than 30 % of the files."""
    lengths: Counter[tuple[str, int]] = Counter()
    for each in family.members:
        for joint in ("_", "-", ""):
            ends = [at for at in (*_ends(each.core), len(each.core))]
            fitting = [at for at in ends if f"{each.free[place]}{joint}{each.core[:at]}" in begins]
            if fitting:
                lengths[joint, ends.index(max(fitting))] += 1
    if not lengths:
        return None
    (joint, words), hits = lengths.most_common(1)[0]
    if hits < 0.3 * len(family.members):
        return None
    cores = {}
    for each in family.members:
        ends = [*_ends(each.core), len(each.core)]
        if len(ends) <= words:
            return None
        cores[each.address] = each.core[: ends[words]]
    fixed = _fixed_start([*cores.values()])
    whole = all(cores[each.address] == each.core for each in family.members)
    free = tuple("{case}" if at == place else "*" for at in range(family.folders.count(None)))
    core = f"{fixed}{{slice}}"
    names = {
        each.address: f"{each.free[place]}{joint}{cores[each.address]}" for each in family.members
    }
    rest = "" if whole else _rest(family, cores)
    return Naming(free, f"{core}{rest}", f"{{case}}{joint}{core}", names)


def _rest(family: Family, cores: dict[str, str]) -> str:
    """Return the pattern for the end of the file's name, which the table does not contain."""
    joints = {each.core[len(cores[each.address])] for each in family.members}
    return f"{joints.pop()}*" if len(joints) == 1 else "*"


def _fixed_start(cores: list[str]) -> str:
    """Return the words at the start that all names share, such as `slice_`."""
    shared = os.path.commonprefix(cores)  # noqa: RUF071  # character by character
    cuts = _ends(shared)
    return shared[: cuts[-1] + 1] if cuts else ""


def _ends(text: str) -> list[int]:
    return [match.start() for match in _CUT.finditer(text) if match.start()]


def group_table(root: Path, tables: Tables, names: set[str]) -> Tree | None:
    """Return `competition.group` from a column of a table, such as the patient; None if no table
    has such a column."""
    for table, ids, column in _columns_of_images(tables, names):
        values = table.column(column)
        if not _GROUP.fullmatch(column) or not all(map(str.strip, values)):
            continue
        count = len(set(values))
        if 1 < count < len(set(table.column(ids))):
            return {
                **_by_table(root, table, ids, f"the {column}", f", {count} groups"),
                "group": Said(column, "images of one group stay together in folds"),
            }
    return None


def split_table(root: Path, tables: Tables, names: set[str]) -> Tree | None:
    """Return the splits from a column of a table that says train, val or test; None without such a
    column."""
    for table, ids, column in _columns_of_images(tables, names):
        words = set(table.column(column))
        if "train" in words and words <= {"train", "val", "test"}:
            return {
                **_by_table(root, table, ids, "the split", ""),
                "split": Said(column, "train, val or test"),
            }
    return None


def _columns_of_images(tables: Tables, names: set[str]) -> Iterator[tuple[CsvTable, str, str]]:
    """Yield each table that names all of these images, the column of the names, and each of the
    other columns."""
    for table in tables.every:
        ids = _id_column(table, names)
        if ids is not None:
            yield from ((table, ids, column) for column in table.header if column != ids)


def _by_table(root: Path, table: CsvTable, ids: str, what: str, more: str) -> dict[str, Said]:
    """Return the keys of `competition.splits` or `competition.group` that name a table and its
    column of images, with comments. `what` says what the table has for each image."""
    file = table.path.relative_to(root).as_posix()
    return {
        "name": Said("table", f"{file} says {what} of each image"),
        "file": Said(file, f"{len(table.rows)} rows{more}"),
        "id": Said(ids, "the column with the images' names"),
    }


def _id_column(table: CsvTable, names: set[str]) -> str | None:
    """Return the column that holds the names or file names of all of these images, or None."""
    for column in table.header:
        cells = table.column(column)
        if names <= {*cells, *map(without_suffix, cells)}:
            return column
    return None
