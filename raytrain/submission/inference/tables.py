"""The sample and the training table: which column is what."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from raytrain.config.dialects import SIZE_COLUMNS
from raytrain.rle.guess import Size, best_layout, says_no_pixel
from raytrain.submission.inference.ids import holds_name
from raytrain.submission.table import read_table

PROBED = 50
"""Cells that a column is judged by."""


@dataclass(frozen=True)
class Table:
    """A CSV's cells and the columns that matter."""

    path: Path
    header: tuple[str, ...]
    rows: list[list[str]]
    id: str
    encoding: str
    class_column: str | None = None

    def column(self, name: str) -> list[str]:
        """A column's cells."""
        place = self.header.index(name)
        return [row[place] for row in self.rows]

    def where(self, at: int) -> str:
        """A row as messages name it; the header is row 1."""
        return f"{self.path}: row {at + 2}"

    def sizes(self) -> list[Size | None]:
        """(H, W) of each row's image by columns of these names, where there are such."""
        lower = [name.lower() for name in self.header]
        if not all(lower.count(name) == 1 for name in SIZE_COLUMNS):
            return [None] * len(self.rows)
        columns = [self.column(self.header[lower.index(name)]) for name in SIZE_COLUMNS]
        both = list(zip(*columns, strict=True))
        for at, (height, width) in enumerate(both):
            if not re.fullmatch("[1-9][0-9]*", height) or not re.fullmatch("[1-9][0-9]*", width):
                raise ValueError(
                    f"{self.where(at)}: height {height!r}, width {width!r}: whole numbers of "
                    "pixels must stand there; correct the row"
                )
        return [(int(height), int(width)) for height, width in both]


def open_sample(path: Path) -> Table:
    """The sample submission: first the id, last the encoding, the class and the size between.

    Raises ValueError for what no dialect has.
    """
    header, rows = _opened(path)
    between = [name for name in header[1:-1] if name not in SIZE_COLUMNS]
    if len(between) > 1:
        raise ValueError(
            f"{path}: header {','.join(header)!r}: between the id and the encoding only a class, "
            f"height and width may stand, not {' and '.join(map(repr, between))}; is this the "
            "sample submission?"
        )
    table = Table(path, header, rows, header[0], header[-1], between[0] if between else None)
    _refuse_if_no_masks(table)
    return table


def open_train(path: Path, sample: Table, words: tuple[str, ...], names: set[str]) -> Table:
    """The training table, its columns found by the sample's names, else by what they hold.

    `words` are the sample's classes, `names` the images'. Raises ValueError when none fits.
    """
    header, rows = _opened(path)
    columns = {name: [row[at] for row in rows] for at, name in enumerate(header)}
    sizes = [name for name in header if name.lower() in SIZE_COLUMNS]
    id = sample.id if sample.id in columns else _id_column(columns, names)
    left = [name for name in header if name not in (id, *sizes)]
    encoding = sample.encoding
    if encoding not in left:
        telling = [name for name in left if _hold_masks(columns[name])]
        if not telling:
            raise ValueError(
                f"{path}: no column of {','.join(header)!r} holds run-length encodings as "
                f"{sample.encoding!r} of {sample.path} does; is this the training table?"
            )
        encoding = telling[0]
    table = Table(path, header, rows, id, encoding)
    _refuse_if_no_masks(table)
    if sample.class_column in left:
        return Table(path, header, rows, id, encoding, sample.class_column)
    of_classes = [
        name for name in left if name != encoding and set(columns[name]) <= set(words)
    ]  # fmt: skip
    return Table(path, header, rows, id, encoding, of_classes[0] if of_classes else None)


def _opened(path: Path) -> tuple[tuple[str, ...], list[list[str]]]:
    header, rows = read_table(path)
    if len(header) < 2:
        raise ValueError(
            f"{path}: header {','.join(header)!r}: at least an id and an encoding must stand "
            "there, parted by a comma"
        )
    double = [name for name, count in Counter(header).items() if count > 1]
    if double:
        raise ValueError(f"{path}: column {double[0]!r} stands there twice; rename one of them")
    if not rows:
        raise ValueError(f"{path}: holds no row below its header; nothing can be read from it")
    for line, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise ValueError(
                f"{path}: row {line} has {len(row)} cells, the header {len(header)}; correct it"
            )
    return tuple(header), rows


def _id_column(columns: dict[str, list[str]], names: set[str]) -> str:
    """The column with most images' names, the first one where there are none."""
    return max(
        columns, key=lambda name: sum(holds_name(cell, names) for cell in columns[name][:PROBED])
    )


def _told(cells: list[str]) -> list[int]:
    """Places of the first cells that say any pixel."""
    return [at for at, cell in enumerate(cells) if not says_no_pixel(cell)][:PROBED]


def _hold_masks(cells: list[str]) -> bool:
    told = [cells[at] for at in _told(cells)]
    return bool(told) and best_layout(told, [None] * len(told))[2] is None


def _refuse_if_no_masks(table: Table) -> None:
    """Raises ValueError when no cell of the encoding's column can be a mask."""
    cells = table.column(table.encoding)
    told = _told(cells)
    if told and not any(_hold_masks([cells[at]]) for at in told):
        raise ValueError(
            f"{table.where(told[0])}: {cells[told[0]][:40]!r} in column {table.encoding!r} is no "
            "run-length encoding that raytrain knows; the encoding must be the last column of "
            "the sample"
        )
