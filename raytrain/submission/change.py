"""The difference between a new submission and one that was sent."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from raytrain.config.competition import SubmissionSpec
from raytrain.config.target import Target
from raytrain.data.tables import read_table
from raytrain.rle import read_cell
from raytrain.submission.rows import Key, key_of, planes
from raytrain.submission.table import Masks


@dataclass(frozen=True)
class Change:
    """The numbers of pixels and of rows that differ. A pixel counts once in each row that it
    changes."""

    pixels: int
    foreground: int
    """Number of foreground pixels of the new masks."""
    keys: int
    """Number of ids whose masks differ."""
    of: int
    """Number of ids of the new submission."""


def change(
    before: Path, masks: Masks, classes: tuple[str, ...], target: Target, spec: SubmissionSpec
) -> Change:
    """Return how the masks (H, W) differ from those in the CSV `before`, which was sent.

    Raises ValueError when that CSV cannot be read in this dialect.
    """
    sent = read_table(before)
    if sent.header != spec.columns:
        raise ValueError(
            f"{before}: has the columns {[*sent.header]}, but competition.submission.columns are "
            f"{[*spec.columns]}; only files with the same columns can be compared"
        )
    cells: dict[Key, list[str]] = {}
    for row in sent.rows:
        cells.setdefault(key_of(row), []).append(row[-1])
    pixels = foreground = changed = count = 0
    for name, mask_HW in masks:
        shape_HW = (mask_HW.shape[0], mask_HW.shape[1])
        now: dict[Key, np.ndarray] = {}
        for plane in planes(name, mask_HW, classes, target, spec):
            for number, key in enumerate(plane.keys, 1):
                own_HW = plane.image_HW == number
                now[key] = now[key] | own_HW if key in now else own_HW
        for key, now_HW in now.items():
            then_HW = np.zeros(shape_HW, bool)
            for cell in cells.get(key, []):
                for told_HW in read_cell(cell, shape_HW, spec):
                    then_HW |= told_HW
            differ = int(np.count_nonzero(now_HW != then_HW))
            pixels += differ
            changed += differ > 0
            foreground += int(np.count_nonzero(now_HW))
            count += 1
    return Change(pixels, foreground, changed, count)
