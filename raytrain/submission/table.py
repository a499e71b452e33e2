"""The submission's rows and its CSV file."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from raytrain.config.competition import SubmissionSpec
from raytrain.rle import ENCODINGS
from raytrain.runs.files import atomic_path

Row = tuple[str, str]
"""Id and encoding."""
Masks = Iterable[tuple[str, np.ndarray]]
"""Image name and its label mask, (H, W) uint8, 0 is the background."""


def build_table(masks: Masks, classes: int, spec: SubmissionSpec) -> list[Row]:
    """One row per image and foreground class, in the order given or, with a sample, in its order.

    `classes` counts the background too. Raises ValueError for a class number that there is not.
    """
    encode = ENCODINGS[spec.encoding].encode
    rows = []
    for name, label_HW in masks:
        if label_HW.max(initial=0) >= classes:
            raise ValueError(
                f"{name}: mask value {label_HW.max()}, but classes are 0..{classes - 1}"
            )
        for number in range(1, classes):
            rows.append((row_id(spec, name, number), encode(label_HW == number)))
    if spec.sample is not None:
        _, sample = read_table(Path(spec.sample))
        place = {row[0]: at for at, row in enumerate(sample) if row}
        rows.sort(key=lambda row: place.get(row[0], len(place)))
    return rows


def row_id(spec: SubmissionSpec, name: str, number: int) -> str:
    """The id of an image's class. Raises ValueError for a template with other fields."""
    try:
        return spec.id.format_map({"name": name, "class": number})
    except (KeyError, IndexError, ValueError, AttributeError, TypeError):
        raise ValueError(
            f"competition.submission.id: {spec.id!r} may hold only {{name}} and {{class}}"
        ) from None


def write_table(path: Path, rows: Iterable[Row], spec: SubmissionSpec) -> None:
    """Write the CSV atomically; an empty encoding is nothing after the comma."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(spec.columns)
        writer.writerows(rows)


def read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows as they stand, cells as text. Raises ValueError when there is no such CSV."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    csv.field_size_limit(2**31 - 1)  # its default refuses the encoding of a large, ragged mask
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a CSV file in UTF-8: {error}") from None
    return (rows[0], rows[1:]) if rows else ([], [])
