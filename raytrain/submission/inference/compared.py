"""Decide the order of pixels with mask files, if there are files and a table of the same masks.

On a square image both orders give a mask, and only the file shows which one is right.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np

from raytrain.data.decode import read_stored
from raytrain.rle import decode
from raytrain.rle.guess import Reading, says_no_pixel
from raytrain.rle.pairs import Starts
from raytrain.rle.runs import Order
from raytrain.submission.inference.finding import Finding
from raytrain.submission.inference.infer import Inference, Split

COMPARED = 20
"""Number of masks that are compared with mask files."""
ENOUGH = 2
"""Smallest number of masks for the comparison to decide."""


def compared(found: Inference, masks: Mapping[str, tuple[Path, ...]]) -> Inference:
    """Return the findings. If the mask files can decide the order and the first pixel, their
    findings replace those of the table.

    `masks` holds the mask files of each image. Every pixel of a file that is not 0 belongs to the
    mask.
    """
    train = found.train
    if train is None or found["layout"].value != "pairs":
        return found
    starts: Starts = found["starts"].value or "absolute"
    readings = [
        Reading(order=order, first=first, starts=starts)
        for order in get_args(Order)
        for first in (1, 0)
    ]
    right = dict.fromkeys(readings, 0)
    count = 0
    for name, cells in _cells(train, masks):
        truth_HW = _foreground(masks[name])
        if truth_HW is None:
            continue
        agree = [reading for reading in readings if _agrees(cells, truth_HW, reading)]
        if len(agree) == 1:
            right[agree[0]] += 1
            count += 1
        if count == COMPARED:
            break
    best = max(readings, key=right.__getitem__)
    if count < ENOUGH or right[best] < count:
        return found
    why = f"only so the rows give the mask files of {count} images, not with another order or first"
    own = {
        "order": Finding("order", best.order, "decided", why),
        "first": Finding("first", best.first, "decided", why),
    }
    findings = [own.get(finding.field, finding) for finding in found.findings]
    return replace(found, findings=findings)


def _cells(train: Split, masks: Mapping[str, tuple[Path, ...]]) -> Iterable[tuple[str, list[str]]]:
    """Yield the name of each image that has mask files and a mask in the table, with the cells of
    its masks."""
    of: dict[str, list[str]] = {}
    for name, cell in zip(train.names, train.table.column(train.table.encoding), strict=True):
        if name in masks and not says_no_pixel(cell):
            of.setdefault(name, []).append(cell)
    return of.items()


def _foreground(paths: tuple[Path, ...]) -> np.ndarray | None:
    total_HW: np.ndarray | None = None
    for path in paths:
        try:
            values = read_stored(path).values
        except ValueError:
            return None
        layer_HW = (values.max(axis=2) if values.ndim == 3 else values) != 0
        if total_HW is not None and total_HW.shape != layer_HW.shape:
            return None
        total_HW = layer_HW if total_HW is None else total_HW | layer_HW
    return total_HW


def _agrees(cells: list[str], truth_HW: np.ndarray, reading: Reading) -> bool:
    read_HW = np.zeros_like(truth_HW)
    try:
        for cell in cells:
            read_HW |= decode(cell, truth_HW.shape, reading)
    except ValueError:
        return False
    return bool((read_HW == truth_HW).all())
