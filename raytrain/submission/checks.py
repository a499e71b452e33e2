"""Is this the CSV of these masks? Every fault is listed, none stops the search for the next."""

from collections import Counter
from pathlib import Path

import numpy as np

from raytrain.config.competition import SubmissionSpec
from raytrain.rle import ENCODINGS
from raytrain.submission.table import Masks, read_table, row_id

NAN_LIKE = {"nan", "none", "null", "na", "n/a", "<na>"}
SHOWN = 10
"""Ids or rows that one problem names."""


def check_submission(path: Path, spec: SubmissionSpec, masks: Masks, classes: int) -> list[str]:
    """Problems of the file at `path`, which should say what the label masks (H, W) say.

    Raises ValueError when the file or the sample cannot be read at all.
    """
    header, raw = read_table(path)
    if not header:
        return [f"{path}: the file is empty"]
    problems = _header_problems(header, spec.columns, "competition.submission.columns")
    problems += _shape_problems(raw)
    rows = [(row[0], row[1]) for row in raw if len(row) == 2]
    wanted: list[str] = []
    wrong: list[str] = []
    encodings: dict[str, str] = dict(reversed(rows))
    for name, label_HW in masks:
        for number in range(1, classes):
            wanted.append(row_id(spec, name, number))
            text = encodings.get(wanted[-1])
            if text is not None:
                wrong += _mask_problems(wanted[-1], text, label_HW == number, spec)
    ids = [row[0] for row in rows]
    if spec.sample is None:
        problems += _id_problems(ids, wanted, "the masks")
    else:
        sample_header, sample = read_table(Path(spec.sample))
        sample_ids = [row[0] for row in sample if row]
        problems += _header_problems(header, tuple(sample_header), f"the sample {spec.sample}")
        problems += _id_problems(ids, sample_ids, f"the sample {spec.sample}")
        problems += _set_problems(sample_ids, wanted, f"the sample {spec.sample}", "the masks")
    return [f"{path}: {problem}" for problem in [*problems, *_shortened(wrong)]]


def _header_problems(header: list[str], columns: tuple[str, ...], source: str) -> list[str]:
    if tuple(header) == tuple(columns):
        return []
    return [f"the header is {','.join(header)!r}, by {source} {','.join(columns)!r}"]


def _shape_problems(raw: list[list[str]]) -> list[str]:
    """Rows that are not two cells, and cells that a reader takes for a missing number."""
    problems = []
    for line, row in enumerate(raw, 2):
        if len(row) != 2:
            problems.append(f"row {line} has {len(row)} cells, not 2")
        elif any(cell.strip().lower() in NAN_LIKE for cell in row):
            problems.append(f"row {line} has a cell that reads as not-a-number: {','.join(row)}")
    return _shortened(problems)


def _id_problems(ids: list[str], wanted: list[str], source: str) -> list[str]:
    """Double, missing and extra ids; without any of them the first row out of order."""
    double = [name for name, count in Counter(ids).items() if count > 1]
    problems = [f"ids that stand there twice: {_listed(double)}"] if double else []
    problems += _set_problems(ids, wanted, "the file", source)
    if not problems and ids != wanted:
        line, got, due = next(
            (line, *pair)
            for line, pair in enumerate(zip(ids, wanted, strict=True), 2)
            if pair[0] != pair[1]
        )
        problems.append(f"row {line} is {got!r}, in the order of {source} it is {due!r}")
    return problems


def _set_problems(ids: list[str], wanted: list[str], here: str, there: str) -> list[str]:
    """Ids that only one of the two has."""
    have, want = set(ids), set(wanted)
    missing = [name for name in wanted if name not in have]
    extra = [name for name in ids if name not in want]
    problems = [f"ids in {there}, not in {here}: {_listed(missing)}"] if missing else []
    return problems + ([f"ids in {here}, not in {there}: {_listed(extra)}"] if extra else [])


def _mask_problems(name: str, text: str, mask_HW: np.ndarray, spec: SubmissionSpec) -> list[str]:
    """Does the text say exactly this mask?"""
    try:
        decoded_HW = ENCODINGS[spec.encoding].decode(text, mask_HW.shape)
    except ValueError as error:
        return [f"{name}: {error}"]
    wrong = int(np.count_nonzero(decoded_HW != mask_HW))
    return [f"{name}: {wrong} px differ from the mask"] if wrong else []


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _shortened(problems: list[str]) -> list[str]:
    more = [f"... and {len(problems) - SHOWN} more of this kind"] if len(problems) > SHOWN else []
    return problems[:SHOWN] + more
