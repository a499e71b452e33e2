"""The rows of a submission, and its CSV file."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from raytrain.config.competition import SubmissionSpec
from raytrain.config.target import Target
from raytrain.data.decode import decode_mask
from raytrain.data.report import DataReport
from raytrain.data.tables import read_table
from raytrain.rle import encode_numbers, written_cell
from raytrain.runs.files import atomic_path
from raytrain.runs.layout import RunDir
from raytrain.submission.rows import Key, key_of, planes

Row = tuple[str, ...]
"""The cells of a row: those before the encoding, then the encoding."""
Masks = Iterable[tuple[str, np.ndarray]]
"""Name of an image and its mask (H, W) of class numbers; if classes overlap, bit k - 1 is class
k."""


def build_table(
    masks: Masks, classes: tuple[str, ...], spec: SubmissionSpec, target: Target
) -> list[Row]:
    """Return the dialect's rows in the given order or, with a sample, in the sample's order.

    `classes` begin with the background. Raises ValueError for an unknown class number, and for
    overlapping masks if the dialect refuses overlaps.
    """
    rows: list[Row] = []
    for name, mask_HW in masks:
        texts: list[tuple[Key, str]] = []
        for plane in planes(name, mask_HW, classes, target, spec):
            encodings = encode_numbers(plane.image_HW, len(plane.keys), spec)
            texts += zip(plane.keys, encodings, strict=True)
        if spec.row == "objects":
            listed: dict[Key, list[str]] = {}
            for key, text in texts:
                listed.setdefault(key, []).append(text)
            rows += [(*key, written_cell(of_key, spec)) for key, of_key in listed.items()]
        else:
            rows += [(*key, written_cell([text], spec)) for key, text in texts]
    if spec.sample is not None:
        sample = read_table(Path(spec.sample))
        place = {key_of(row): at for at, row in enumerate(sample.rows)}
        rows.sort(key=lambda row: place.get(row[:-1], len(place)))
        # The sample's ids byte by byte, because Kaggle compares these.
        spelt = {key_of(row): tuple(row[:-1]) for row in sample.rows}
        rows = [(*spelt.get(row[:-1], row[:-1]), row[-1]) for row in rows]
    return rows


def write_table(path: Path, rows: Iterable[Row], spec: SubmissionSpec) -> None:
    """Write the header and the rows as a CSV atomically. Blank cells are written without quotes."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(spec.columns)
        writer.writerows(rows)


def predicted_masks(run: RunDir, report: DataReport) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and mask (H, W) of each test image. Raises ValueError for a missing one."""
    for id in report.ids("test"):
        path = run.mask(id)
        if not path.is_file():
            raise ValueError(f"{path} is missing; run `raytrain finalize` again")
        yield id, decode_mask(path)
