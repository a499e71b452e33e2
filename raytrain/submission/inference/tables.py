"""The sample and the training table, and the roles of their columns."""

import re
from dataclasses import dataclass
from pathlib import Path

from raytrain.config.dialects import SIZE_COLUMNS
from raytrain.data.tables import CsvTable, read_table
from raytrain.rle.guess import Size, best_layout, says_no_pixel
from raytrain.submission.inference.ids import holds_name

PROBED = 50
"""Number of cells by which the content of a column is judged."""


@dataclass(frozen=True)
class Table(CsvTable):
    """A CSV, and the names of its relevant columns."""

    id: str
    encoding: str
    class_column: str | None = None

    def sizes(self) -> list[Size | None]:
        """Return (H, W) of each row's image from the columns height and width; None without these
        columns. Raises ValueError for a cell that is not a whole number of pixels."""
        lower = [name.lower() for name in self.header]
        if not all(lower.count(name) == 1 for name in SIZE_COLUMNS):
            return [None] * len(self.rows)
        columns = [self.column(self.header[lower.index(name)]) for name in SIZE_COLUMNS]
        both = list(zip(*columns, strict=True))
        for at, (height, width) in enumerate(both):
            if not re.fullmatch("[1-9][0-9]*", height) or not re.fullmatch("[1-9][0-9]*", width):
                raise ValueError(
                    f"{self.where(at)}: height {height!r}, width {width!r}: write both as whole "
                    "numbers of pixels"
                )
        return [(int(height), int(width)) for height, width in both]


def open_sample(path: Path) -> Table:
    """Return the sample submission. Its first column is the id, its last column is the encoding,
    and between them may be class and size.

    Raises ValueError for a form that no dialect has.
    """
    opened = _opened(path)
    header = opened.header
    if not header[0]:
        raise ValueError(f"{path}: column 1 has no name; remove the index column from the sample")
    between = [name for name in header[1:-1] if name not in SIZE_COLUMNS]
    if len(between) > 1:
        raise ValueError(
            f"{path}: header {','.join(header)!r}: the only columns allowed between the id and "
            f"the encoding are a class, height and width, not {' and '.join(map(repr, between))}; "
            "give the sample submission"
        )
    table = _with_roles(opened, header[0], header[-1], between[0] if between else None)
    _refuse_if_no_masks(table)
    return table


def open_train(path: Path, sample: Table, words: tuple[str, ...], names: set[str]) -> Table:
    """Return the training table. Its columns are found by the sample's names, else by their
    content.

    `words` are the classes in the sample, and `names` are the names of images. Raises ValueError
    when no column fits.
    """
    opened = _opened(path)
    header = opened.header
    columns = {name: opened.column(name) for name in header}
    sizes = [name for name in header if name.lower() in SIZE_COLUMNS]
    id = sample.id if sample.id in columns else _id_column(columns, names)
    left = [name for name in header if name not in (id, *sizes)]
    encoding = sample.encoding
    if encoding not in left:
        telling = [name for name in left if _hold_masks(columns[name])]
        if not telling:
            raise ValueError(
                f"{path}: no column of {','.join(header)!r} has run-length encodings like those "
                f"in column {sample.encoding!r} of {sample.path}; give the training table (--train)"
            )
        encoding = telling[0]
    table = _with_roles(opened, id, encoding, None)
    _refuse_if_no_masks(table)
    if sample.class_column in left:
        return _with_roles(opened, id, encoding, sample.class_column)
    of_classes = [
        name for name in left if name != encoding and set(columns[name]) <= set(words)
    ]  # fmt: skip
    return _with_roles(opened, id, encoding, of_classes[0] if of_classes else None)


def _with_roles(table: CsvTable, id: str, encoding: str, class_column: str | None) -> Table:
    return Table(table.path, table.header, table.rows, table.numbers, id, encoding, class_column)


def _opened(path: Path) -> CsvTable:
    table = read_table(path)
    if len(table.header) < 2:
        raise ValueError(
            f"{path}: header {','.join(table.header)!r}: it needs at least an id and an encoding, "
            "separated by a comma"
        )
    if not table.rows:
        raise ValueError(f"{path}: there is no row below the header; give a file with rows")
    return table


def _id_column(columns: dict[str, list[str]], names: set[str]) -> str:
    """Return the column with the most names of images. If no column has any, return the first
    column."""
    return max(
        columns, key=lambda name: sum(holds_name(cell, names) for cell in columns[name][:PROBED])
    )


def _told(cells: list[str]) -> list[int]:
    """Return the positions of the first cells that encode at least one pixel."""
    return [at for at, cell in enumerate(cells) if not says_no_pixel(cell)][:PROBED]


def _hold_masks(cells: list[str]) -> bool:
    told = [cells[at] for at in _told(cells)]
    return bool(told) and best_layout(told, [None] * len(told))[2] is None


def _refuse_if_no_masks(table: Table) -> None:
    """Raise ValueError when no cell of the encoding's column can be a mask."""
    cells = table.column(table.encoding)
    told = _told(cells)
    if told and not any(_hold_masks([cells[at]]) for at in told):
        raise ValueError(
            f"{table.where(told[0])}: {cells[told[0]][:40]!r} in column {table.encoding!r} is not "
            "a run-length encoding that raytrain knows; the last column of the sample must be the "
            "encoding"
        )
