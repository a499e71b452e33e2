"""Masks as text: one line in `LAYOUTS` for each way of writing runs.

A competition's dialect (`config/dialects.py`) names a layout and says how its numbers are meant.
The contract test runs over both dicts: decode(encode(mask), mask.shape) equals the mask.
"""

from collections.abc import Callable
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
    """What a spec says of the text of one mask."""

    @property
    def layout(self) -> str:
        """A name of LAYOUTS."""

    @property
    def order(self) -> Order:
        """Whether the pixels are walked down the columns or along the rows."""

    @property
    def empty(self) -> str:
        """What stands for no pixel in a cell; a blank one does in any case."""

    @property
    def row(self) -> str:
        """`objects` where a cell lists several masks."""

    @property
    def prefix(self) -> str:
        """Words before each mask of such a cell."""


@dataclass(frozen=True)
class Layout:
    """How runs read as text."""

    write: Callable[[Runs, tuple[int, int], PairRules], str]
    """(runs, (H, W) of the image, rules) -> text."""
    read: Callable[[str, tuple[int, int], PairRules], Runs]
    """(text, (H, W), rules) -> runs. Raises ValueError that names the fault."""
    write_small: Callable[[np.ndarray, int], list[str]] | None = None
    """The same texts as by `write`, of small label images and at most 255 masks."""


LAYOUTS: dict[str, Layout] = {
    "pairs": Layout(write_pairs, read_pairs),
    "coco": Layout(write_coco, read_coco, write_small_coco),
    "coco_zlib": Layout(write_coco_zlib, read_coco_zlib, write_small_coco_zlib),
}


def encode(mask_HW: np.ndarray, rules: Rules) -> str:
    """The text of a bool mask (H, W); no text when it is empty."""
    (text,) = encode_numbers(np.asarray(mask_HW, bool), 1, rules)
    return text


def encode_numbers(image_HW: np.ndarray, count: int, rules: Rules) -> list[str]:
    """The texts of the masks `image_HW == 1` .. `image_HW == count`, in one pass.

    `image_HW` (H, W) holds bool, uint8, uint16 or int32. No text for a number without a pixel.
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
    """The bool mask (H, W) of a text. Raises ValueError that names the fault."""
    if not text.strip():
        return np.zeros(shape_HW, bool)
    return mask_of(LAYOUTS[rules.layout].read(text, shape_HW, rules), shape_HW, rules.order)


def written_cell(texts: list[str], rules: Rules) -> str:
    """A CSV's cell of one mask's text, or of the texts of all objects."""
    if rules.row == "objects":
        texts = [f"{rules.prefix} {text}".strip() for text in texts if text]
    return " ".join(texts) or rules.empty


def read_cell(cell: str, shape_HW: tuple[int, int], rules: Rules) -> list[np.ndarray]:
    """The bool masks (H, W) of a CSV's cell, one at least. Raises ValueError naming the fault."""
    if cell.strip() in ("", rules.empty):
        return [np.zeros(shape_HW, bool)]
    if rules.row != "objects":
        return [decode(cell, shape_HW, rules)]
    words, step = cell.split(), len(rules.prefix.split()) + 1
    if len(words) % step:
        raise ValueError(
            f"{len(words)} words; each object has {step}, such as '{rules.prefix} <mask>'"
        )
    return [decode(text, shape_HW, rules) for text in words[step - 1 :: step]]
