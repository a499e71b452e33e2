"""`leaderboard`: a run's table, sorted and filtered; the best configuration for each value of a
field; and the differences between two configurations. Everything is computed from the records."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from raytrain.config.codes import CodedError
from raytrain.config.errors import unknown_name
from raytrain.config.flat import flat
from raytrain.config.yaml_text import read_yaml
from raytrain.report.terminal import as_text, board_table
from raytrain.runs.layout import RunDir
from raytrain.search.configurations import Configuration
from raytrain.search.leaderboard import COLUMNS, figured, named, rows, write_leaderboard

FALLING = ("val_score", "val_dice", "low", "high", "n")
"""Columns that are sorted from high to low values."""
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "!=": lambda one, other: one != other,
    "<=": lambda one, other: one <= other,
    ">=": lambda one, other: one >= other,
    "=": lambda one, other: one == other,
    "<": lambda one, other: one < other,
    ">": lambda one, other: one > other,
}

Line = dict[str, Any]
"""One configuration: the columns of the leaderboard, and every field of its spec by path."""


@dataclass(frozen=True)
class Board:
    """The leaderboard, sorted and filtered as requested."""

    lines: list[Line]
    repeated: bool
    """Whether any configuration has repeats."""
    beside: list[str]
    """Fields to show in addition to the usual columns."""

    @property
    def rows(self) -> list[Line]:
        """One row per configuration, in which numbers are numbers and not text."""
        return [line | figured({key: line[key] for key in COLUMNS}) for line in self.lines]

    @property
    def text(self) -> str:
        shown = [{key: _shown(value) for key, value in line.items()} for line in self.lines]
        return board_table(shown, self.repeated, self.beside)


def board(run: RunDir, sort: str | None, filters: list[str], best_per: str | None) -> Board:
    """Rewrite the leaderboard, and return it sorted and filtered as requested.

    Raises ValueError for an unknown column or field, and for a filter that nothing matches.
    """
    found = write_leaderboard(run)
    if not found:
        raise CodedError(
            "missing",
            f"{run.path}: there is no record of a search yet; run `raytrain search` first",
        )
    lines = [_line(each, row) for each, row in zip(found, rows(found), strict=True)]
    asked = []
    for text in filters:
        lines, key = _filtered(lines, text)
        asked.append(key)
    if best_per is not None:
        _known(best_per, lines, "--best-per")
        lines = list({_shown(line.get(best_per)): line for line in reversed(lines)}.values())[::-1]
        asked.append(best_per)
    if sort is not None:
        key = sort.removeprefix("-")
        _known(key, lines, "--sort")
        lines = _sorted(lines, key, turned=sort.startswith("-"))
        asked.append(key)
    beside = [key for key in dict.fromkeys(asked) if key not in ("rank", "name")]
    return Board(lines, any(not each.alone for each in found), beside)


@dataclass(frozen=True)
class Difference:
    """The fields of the specs in which two configurations differ."""

    names: tuple[str, str]
    fields: dict[str, tuple[Any, Any]]
    """Path of a field -> its values in both configurations."""

    @property
    def text(self) -> str:
        if not self.fields:
            return f"{self.names[0]} and {self.names[1]} are equal in every field"
        table = Table(title="differences", title_justify="left")
        for column in ("field", *self.names):
            table.add_column(column, overflow="fold")
        for path, values in self.fields.items():
            table.add_row(path, *(_shown(value) or "-" for value in values))
        return as_text(table)


def difference(run: RunDir, first: str, second: str) -> Difference:
    """Return the fields in which two configurations differ. Raises ValueError when one is not
    found."""
    one, other = named(run, first), named(run, second)
    left, right = fields(one), fields(other)
    differing = [
        path for path in dict.fromkeys((*left, *right)) if left.get(path) != right.get(path)
    ]
    names_first = sorted(differing, key=lambda path: not path.endswith("name"))
    values = {path: (left.get(path), right.get(path)) for path in names_first}
    return Difference((one.name, other.name), values)


def fields(each: Configuration) -> Line:
    """Return path -> value for every field of the spec. The seed is included only for a single
    trial."""
    tree = each.spec.model_dump(mode="json")
    if not each.alone:
        del tree["seed"]
    return flat(tree)


def _line(each: Configuration, row: dict[str, str]) -> Line:
    """Return the columns and the fields of a configuration. A column hides a field of the same
    name; the key `trial.<path>` has the hidden field."""
    found = fields(each)
    return {f"trial.{path}": value for path, value in found.items()} | found | row


def _filtered(lines: list[Line], text: str) -> tuple[list[Line], str]:
    found = re.fullmatch(r"\s*([\w.\[\]-]+?)\s*(!=|<=|>=|=|<|>)\s*(.*?)\s*", text)
    if found is None:
        raise ValueError(f"--filter {text}: write it as model.name=unet_a or val_score>0.8")
    key, operator, wanted = found.groups()
    _known(key, lines, "--filter")
    value = _number(wanted)
    kept = [
        line
        for line in lines
        if key in line and _compared(OPERATORS[operator], _number(line[key]), value)
    ]
    if not kept:
        seen = sorted({_shown(line[key]) for line in lines if key in line})
        raise ValueError(f"--filter {text}: no trial matches; {key}: {unknown_name(wanted, seen)}")
    return kept, key


def _compared(operator: Callable[[Any, Any], bool], one: Any, other: Any) -> bool:
    """Return the result of comparing two values: as numbers if both are numbers, else as text."""
    if isinstance(one, float) and isinstance(other, float):
        return operator(one, other)
    return operator(_shown(one), _shown(other))


def _sorted(lines: list[Line], key: str, turned: bool) -> list[Line]:
    """Return the lines sorted by `key`: scores from high to low, other values from low to high;
    `turned` reverses the order. Missing values come last."""
    known = [line for line in lines if _shown(line.get(key))]
    numbers = all(isinstance(_number(line[key]), float) for line in known)
    falling = (key in FALLING) != turned
    known.sort(
        key=lambda line: _number(line[key]) if numbers else _shown(line[key]), reverse=falling
    )
    return known + [line for line in lines if not _shown(line.get(key))]


def _known(key: str, lines: list[Line], option: str) -> None:
    names = dict.fromkeys([*COLUMNS, *(path for line in lines for path in line)])
    if key not in names:
        raise ValueError(
            f"{option}: not a column or a field of a trial: {unknown_name(key, names)}"
        )


def _number(value: Any) -> Any:
    """Return a float for a number, also for one that is text. Return other values as YAML reads
    them."""
    if isinstance(value, bool) or value is None:
        return value
    try:
        return float(value)
    except ValueError:
        return read_yaml(value, value) if isinstance(value, str) and value else value


def _shown(value: Any) -> str:
    """Return a value as text for a table; null is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
