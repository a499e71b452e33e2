"""Strict reading of CSV files: cells are plain text, and every row has all its columns."""

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from raytrain.config.errors import shortened, unknown_name
from raytrain.data.index import composed
from raytrain.runs.messages import counted

_SUFFIX = re.compile(r"(?i)\.(?:png|jpe?g|tiff?|bmp|gif|webp|dcm|jp2)$")
"""Pattern of the suffix of an image file."""


@dataclass(frozen=True)
class CsvTable:
    """The header and the rows of a CSV file."""

    path: Path
    header: tuple[str, ...]
    rows: list[list[str]]
    """The complete rows, each as wide as the header."""
    numbers: list[int]
    """The number of each row in the file; the header is row 1."""

    def column(self, name: str) -> list[str]:
        """Return the cells of a column. Raises ValueError when the table has no such column."""
        if name not in self.header:
            raise ValueError(f"{self.path}: column {unknown_name(name, filter(None, self.header))}")
        place = self.header.index(name)
        return [row[place] for row in self.rows]

    def where(self, at: int) -> str:
        """Return file and row number of row `at`, as text for messages."""
        return f"{self.path}: row {self.numbers[at]}"

    def mapping(
        self, key: str, value: str, known: Collection[str] = ()
    ) -> tuple[dict[str, str], list[str]]:
        """Return a mapping from the cells of one column, in Unicode's composed form, to those of
        another column; and the problems. A file's name such as `a.png` is also found as `a`,
        if no other cell has this name.

        A blank cell is a problem, and so is a key with two different values, or a value outside
        `known`. Raises ValueError when the table lacks a column.
        """
        found: dict[str, tuple[int, str]] = {}
        problems = []
        for at, pair in enumerate(zip(self.column(key), self.column(value), strict=True)):
            here = f"{self.where(at)}, column"
            blank = [
                name for name, cell in zip((key, value), pair, strict=True) if not cell.strip()
            ]
            if blank:
                problems += [f"{here} {name!r}: the cell is blank; fill it" for name in blank]
            elif known and pair[1] not in known:
                problems.append(f"{here} {value!r}: {unknown_name(pair[1], known)}")
            elif (first := found.setdefault(composed(pair[0]), (at, pair[1])))[1] != pair[1]:
                problems.append(
                    f"{here} {value!r}: {pair[0]!r} is {pair[1]!r} here and {first[1]!r} in row "
                    f"{self.numbers[first[0]]}; keep one"
                )
        cells = {name: cell for name, (_, cell) in found.items()}
        short = Counter(map(without_suffix, cells))
        alone = {n: cell for name, cell in cells.items() if short[n := without_suffix(name)] == 1}
        return alone | cells, problems


def without_suffix(name: str) -> str:
    """Return the name without the suffix of an image file such as `.png`, if it has one."""
    return _SUFFIX.sub("", name)


def read_table(path: Path) -> CsvTable:
    """Return the table in a CSV file. Raises ValueError that lists every problem of its form: rows
    without some cells, and columns without a name or with the same name."""
    table, problems = scan_table(path)
    if problems:
        raise ValueError("\n".join(f"{path}: {problem}" for problem in shortened(problems)))
    return table


def scan_table(path: Path) -> tuple[CsvTable, list[str]]:
    """Return the complete rows of a CSV file, and the problems of the other rows and the header.

    A byte-order mark and blank lines at the end are skipped. Raises ValueError when the file is
    missing or is not a CSV file in UTF-8.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file; correct the path")
    csv.field_size_limit(2**31 - 1)  # the default is too small for large, ragged masks
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            records = list(csv.reader(file, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a CSV file in UTF-8: {error}; save it as one") from None
    while records and not records[-1]:
        records.pop()
    if not records:
        return CsvTable(path, (), [], []), ["the file is empty; give one with a header and rows"]
    header, *rows = records
    problems = _header_problems(header)
    problems += [
        f"row {number} {_width_problem(row, header)}"
        for number, row in enumerate(rows, 2)
        if len(row) != len(header)
    ]
    whole = [(row, n) for n, row in enumerate(rows, 2) if len(row) == len(header)]
    table = CsvTable(path, tuple(header), [row for row, _ in whole], [n for _, n in whole])
    return table, problems


def _header_problems(header: Iterable[str]) -> list[str]:
    # The first column of a table that pandas wrote with its index has no name.
    first, *rest = header
    problems = [
        f"column {n} has no name in the header; give it one"
        for n, name in enumerate(rest, 2)
        if not name
    ]
    double = [name for name, count in Counter([first, *filter(None, rest)]).items() if count > 1]
    return problems + [f"column {name!r} occurs twice; rename one" for name in double]


def _width_problem(row: list[str], header: list[str]) -> str:
    cells = f"has {counted(len(row), 'cell')}, the header has {len(header)}"
    if not row:
        return f"{cells}; delete the blank line"
    if len(row) < len(header):
        return f"{cells}; add column {header[len(row)]!r}"
    return f"{cells}; remove a comma, or write a cell with a comma in quotes"
