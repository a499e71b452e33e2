"""Masks as text, with one entry in `LAYOUTS` for each way of writing runs.

A competition's dialect (`config/dialects.py`) names a layout and the meaning of its numbers. The
contract test runs over both dicts: decode(encode(mask), mask.shape) equals the mask.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from raytrain.rle.coco import (
    SMALL,
    read_coco,
    read_coco_zlib,
    write_coco,
    write_coco_zlib,
    write_small_coco,
    write_small_coco_zlib,
)
from raytrain.rle.pairs import PairRules, read_pairs, write_pairs
from raytrain.rle.runs import Order, Runs, mask_of, runs_by_number


class Rules(PairRules, Protocol):
    """The fields of a spec that describe the text of one mask."""

    @property
    def layout(self) -> str:
        """How runs are written as text: a key of LAYOUTS, such as `pairs`."""

    @property
    def order(self) -> Order:
        """Whether pixels are counted down the columns or along the rows."""

    @property
    def empty(self) -> str:
        """The text of an empty cell. A blank cell always means an empty mask."""

    @property
    def row(self) -> str:
        """What a row of the CSV holds; `objects`: its cell lists several masks."""

    @property
    def prefix(self) -> str:
        """Text before each mask of a cell that lists several masks."""


@dataclass(frozen=True)
class Layout:
    """One way of writing runs as text: a function that writes it and one that reads it."""

    write: Callable[[Runs, tuple[int, int], PairRules], str]
    """Function (runs, (H, W) of the image, rules) -> text."""
    read: Callable[[str, tuple[int, int], PairRules], Runs]
    """Function (text, (H, W), rules) -> runs. Raises ValueError that names the fault."""
    write_small: Callable[[np.ndarray, int], list[str]] | None = None
    """Writes the same texts as `write`, but only for small label images with at most 255 masks."""


LAYOUTS: dict[str, Layout] = {
    "pairs": Layout(write_pairs, read_pairs),
    "coco": Layout(write_coco, read_coco, write_small_coco),
    "coco_zlib": Layout(write_coco_zlib, read_coco_zlib, write_small_coco_zlib),
}


def encode(mask_HW: np.ndarray, rules: Rules) -> str:
    """Return the text of a bool mask (H, W). An empty mask has the text ""."""
    (text,) = encode_numbers(np.asarray(mask_HW, bool), 1, rules)
    return text


def encode_numbers(image_HW: np.ndarray, count: int, rules: Rules) -> list[str]:
    """Return the texts of the masks `image_HW == 1` .. `image_HW == count`, in one pass.

    `image_HW` (H, W) holds bool, uint8, uint16 or int32. A number without a pixel has the text
    "".
    """
    layout, shape_HW = LAYOUTS[rules.layout], image_HW.shape
    small = 0 < image_HW.size * count <= SMALL and count <= 255
    if layout.write_small is not None and small and rules.order == "column":
        image_HW = image_HW.view(np.uint8) if image_HW.dtype == bool else image_HW
        return layout.write_small(image_HW, count)
    return [
        layout.write(runs, (shape_HW[0], shape_HW[1]), rules) if len(runs.begins) else ""
        for runs in runs_by_number(image_HW, count, rules.order)
    ]


def decode(text: str, shape_HW: tuple[int, int], rules: Rules) -> np.ndarray:
    """Return the bool mask (H, W) of a text. Raises ValueError that names the fault."""
    if not text.strip():
        return np.zeros(shape_HW, bool)
    return mask_of(LAYOUTS[rules.layout].read(text, shape_HW, rules), shape_HW, rules.order)


def written_cell(texts: list[str], rules: Rules) -> str:
    """Return the CSV cell that holds the text of one mask or, in a dialect with all objects in one
    cell, the texts of all objects."""
    if rules.row == "objects":
        texts = [f"{rules.prefix} {text}".strip() for text in texts if text]
    return " ".join(texts) or rules.empty


def read_cell(cell: str, shape_HW: tuple[int, int], rules: Rules) -> Iterator[np.ndarray]:
    """Yield the bool masks (H, W) of a CSV cell, at least one. Raises ValueError when it reaches a
    fault."""
    if cell.strip() in ("", rules.empty):
        yield np.zeros(shape_HW, bool)
        return
    if rules.row != "objects":
        yield decode(cell, shape_HW, rules)
        return
    words, step = cell.split(), len(rules.prefix.split()) + 1
    if len(words) % step:
        raise ValueError(
            f"the cell has {len(words)} words, but each object needs {step}, such as "
            f"'{rules.prefix} <mask>'"
        )
    for text in words[step - 1 :: step]:
        yield decode(text, shape_HW, rules)
