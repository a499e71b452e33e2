"""Check that a CSV encodes given masks. Every fault is listed."""

from collections import Counter
from pathlib import Path

import numpy as np

from raytrain.config.competition import SubmissionSpec
from raytrain.config.errors import SHOWN, first_lines
from raytrain.config.target import Target
from raytrain.data.tables import CsvTable, read_table, scan_table
from raytrain.rle import read_cell
from raytrain.submission.rows import Key, Plane, key_of, planes
from raytrain.submission.table import Masks

NAN_LIKE = {"nan", "none", "null", "na", "n/a", "<na>"}

Cells = dict[Key, list[str]]
"""Key of a row (the cells before the encoding) -> the encodings in all rows with this key."""


def check_submission(
    path: Path, spec: SubmissionSpec, masks: Masks, classes: tuple[str, ...],
    target: Target,
) -> list[str]:  # fmt: skip
    """Return the problems of the file at `path`, which should encode the masks (H, W).

    Raises ValueError when the file or the sample cannot be read at all, or when the dialect cannot
    encode the masks.
    """
    table, form = scan_table(path)
    if not table.header:
        return [f"{path}: {problem}" for problem in form]
    problems = header_problems(table, spec.columns, "competition.submission.columns")
    problems += first_lines(form) + _number_problems(table, spec)
    keys = [key_of(row) for row in table.rows]
    cells: Cells = {}
    for key, row in zip(keys, table.rows, strict=True):
        cells.setdefault(key, []).append(row[-1])
    wanted: dict[Key, None] = {}
    wrong: list[str] = []
    for name, mask_HW in masks:
        found = planes(name, mask_HW, classes, target, spec)
        wanted |= dict.fromkeys(key for plane in found for key in plane.keys)
        wrong += _image_problems(name, found, cells, spec)
    problems += double_problems(keys, spec)
    if spec.sample is None:
        problems += _key_problems(table, keys, [*wanted], "the masks")
    else:
        source = f"the sample {spec.sample}"
        sample = read_table(Path(spec.sample))
        sample_keys = [*dict.fromkeys(key_of(row) for row in sample.rows)]
        problems += header_problems(table, sample.header, source)
        problems += _key_problems(table, keys, sample_keys, source)
        problems += set_problems(sample_keys, [*wanted], source, "the masks")
    return [f"{path}: {problem}" for problem in [*problems, *first_lines(wrong)]]


def header_problems(table: CsvTable, columns: tuple[str, ...], source: str) -> list[str]:
    """Return a problem if the header differs from the header that the source requires."""
    if table.header == columns:
        return []
    return [f"the header is {','.join(table.header)!r}, but {source} has {','.join(columns)!r}"]


def _number_problems(table: CsvTable, spec: SubmissionSpec) -> list[str]:
    """Return a problem for each encoding that CSV readers take as a missing number. Ids may be any
    text."""
    return first_lines(
        [
            f"row {number} has an encoding that CSV readers take as missing: {','.join(row)}"
            for number, row in zip(table.numbers, table.rows, strict=True)
            if row[-1].strip().lower() in NAN_LIKE and row[-1] != spec.empty
        ]
    )


def double_problems(keys: list[Key], spec: SubmissionSpec) -> list[str]:
    """Return a problem if ids are repeated, and the dialect does not have a row for each object."""
    double = [key for key, count in Counter(keys).items() if count > 1]
    if not double or spec.row == "object":
        return []
    return [f"ids that occur more than once: {_listed(double)}"]


def _key_problems(table: CsvTable, keys: list[Key], wanted: list[Key], source: str) -> list[str]:
    """Return the missing and the extra ids or, if there are none, the first row that is not in
    order."""
    problems = set_problems(keys, wanted, "the file", source)
    order = [*dict.fromkeys(keys)]
    if not problems and order != wanted:
        got, due = next(pair for pair in zip(order, wanted, strict=True) if pair[0] != pair[1])
        row = table.numbers[keys.index(got)]
        problems.append(
            f"row {row} is {_word(got)!r}, but in the order of {source} it is {_word(due)!r}"
        )
    return problems


def set_problems(keys: list[Key], wanted: list[Key], here: str, there: str) -> list[str]:
    """Return problems with the ids that only one of the two lists contains."""
    have, want = set(keys), set(wanted)
    missing = [key for key in wanted if key not in have]
    extra = [key for key in dict.fromkeys(keys) if key not in want]
    problems = [f"ids in {there} but not in {here}: {_listed(missing)}"] if missing else []
    return problems + ([f"ids in {here} but not in {there}: {_listed(extra)}"] if extra else [])


def _image_problems(name: str, found: list[Plane], cells: Cells, spec: SubmissionSpec) -> list[str]:
    """Return the differences between the masks in an image's cells and the image's masks."""
    shape_HW = found[0].image_HW.shape
    due: dict[Key, list[tuple[Plane, int]]] = {}
    for plane in found:
        for number, key in enumerate(plane.keys, 1):
            due.setdefault(key, []).append((plane, number))
    problems: list[str] = []
    claims_HW = np.zeros(shape_HW, np.uint16)
    for key, masks in due.items():
        told: list[np.ndarray] = []
        for cell in cells.get(key, []) if spec.row == "object" else cells.get(key, [])[:1]:
            try:
                told += list(read_cell(cell, (shape_HW[0], shape_HW[1]), spec))
            except ValueError as error:
                problems.append(f"{_word(key)}: {error}")
            if not cell.strip() and spec.empty:
                problems.append(
                    f"{_word(key)}: the cell is blank; an empty mask is written {spec.empty!r}"
                )
        for told_HW in told:  # in place, because a large image takes gigabytes
            claims_HW += told_HW
        if spec.row != "mask" and told and len(told) != len(masks):
            problems.append(
                f"{_word(key)}: the file has {len(told)} objects, but the mask has {len(masks)}"
            )
        problems += [f"{_word(key)}: {fault}" for fault in _differences(told, masks)]
    both = int((claims_HW > 1).sum())
    if both and spec.overlaps == "refused":
        problems.append(f"{name}: {both} px are in several rows, but rows must not overlap")
    return problems


def _differences(told: list[np.ndarray], masks: list[tuple[Plane, int]]) -> list[str]:
    """Return the differences between each decoded mask (H, W) and the remaining mask that contains
    its first pixel."""
    left, faults = list(masks), []
    for told_HW in told:
        at = int(np.argmax(told_HW))
        fits = [own for own in left if len(masks) == 1 or own[0].image_HW.flat[at] == own[1]]
        if not told_HW.any() and len(masks) > 1:
            faults.append("one of its rows encodes no pixel, although there are several rows")
        elif fits:
            plane, number = fits[0]
            left.remove(fits[0])
            differs_HW = plane.image_HW == number
            differs_HW ^= told_HW
            wrong = int(np.count_nonzero(differs_HW))
            faults += [f"{wrong} px differ from the mask"] if wrong else []
        elif len(masks) > 1:
            row, column = divmod(at, told_HW.shape[1])
            faults.append(
                f"the object whose first pixel is at row {row}, column {column} matches no "
                "remaining object of the mask"
            )
    return faults


def _word(key: Key) -> str:
    return ",".join(key)


def _listed(keys: list[Key]) -> str:
    """Return the first ids of these rows as text, and how many more there are."""
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join(map(_word, keys[:SHOWN])) + more
