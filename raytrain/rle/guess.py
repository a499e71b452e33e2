"""Infer from the texts of masks in which way they were written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from raytrain.rle.coco import numbers_of, read_coco, read_coco_zlib, unpacked
from raytrain.rle.pairs import Starts
from raytrain.rle.runs import Order

Size = tuple[int, int]
"""(H, W) of an image, px."""
BOUNDLESS: Size = (10**9, 10**8)
"""Size that replaces an unknown one. It is so large that no run leaves the image."""
EMPTY_WORDS = {"", "-", "-1", "nan", "none", "null", "empty"}
MOST_LETTERS = 2**22
"""Largest number of characters of one packed mask if the image's size is not known."""
LAYOUT_STEPS = [("pairs", 1), *((name, n) for n in range(1, 7) for name in ("coco_zlib", "coco"))]
"""(layout, words per object) in the order in which they are tried."""

_PAIRS = re.compile(r"\d+ +\d+( +\d+ +\d+)*", re.ASCII)
_NO_LENGTH = re.compile(r"\d+ +0+( +\d+ +0+)*", re.ASCII)


@dataclass(frozen=True)
class Reading:
    """One way to read a mask's text, as the rules that `rle.decode` takes."""

    layout: str = "pairs"
    order: Order = "column"
    first: Literal[0, 1] = 1
    starts: Starts = "absolute"
    empty: str = ""
    row: str = "mask"
    prefix: str = ""


def says_no_pixel(cell: str) -> bool:
    """Return whether a cell is a word for an empty mask, such as `-1`, or has only empty runs."""
    text = cell.strip()
    return text.lower() in EMPTY_WORDS or _NO_LENGTH.fullmatch(text) is not None


def fits(cell: str, size_HW: Size | None, layout: str, step: int) -> bool:
    """Return whether the text of a cell can be read in this layout. Of every `step` words, the last
    one is a mask."""
    if layout == "pairs":
        return _PAIRS.fullmatch(cell.strip()) is not None
    words = cell.split()
    if not words or len(words) % step:
        return False
    return all(_is_coco(word, size_HW, layout) for word in words[step - 1 :: step])


def _is_coco(word: str, size_HW: Size | None, layout: str) -> bool:
    read = read_coco if layout == "coco" else read_coco_zlib
    try:
        if size_HW is not None:
            read(word, size_HW, Reading())
        elif layout == "coco_zlib":
            numbers_of(unpacked(word, MOST_LETTERS))
        else:
            # Short words and plain numbers may consist of COCO's characters by chance.
            return len(word) > 2 and not word.isdecimal() and numbers_of(word).size > 1
    except ValueError:
        return False
    return True


def best_layout(cells: Sequence[str], sizes: Sequence[Size | None]) -> tuple[str, int, int | None]:
    """Return (layout, words per object, index of the first cell that does not match or None).

    All `cells` hold masks that are not empty; `sizes` are the sizes of their images.
    """
    found: list[tuple[int, str, int, int | None]] = []
    for layout, step in LAYOUT_STEPS:
        fitting = [fits(c, s, layout, step) for c, s in zip(cells, sizes, strict=True)]
        if all(fitting):
            return layout, step, None
        found.append((sum(fitting), layout, step, fitting.index(False)))
    _, layout, step, at = max(found, key=lambda item: item[0])
    return layout, step, at


def boundary(mask_HW: np.ndarray) -> int:
    """Return the length of a mask's outline, px. The border of the image is a part of it."""
    padded_HW = np.pad(mask_HW, 1)
    across = np.count_nonzero(padded_HW[1:] != padded_HW[:-1])
    return int(across + np.count_nonzero(padded_HW[:, 1:] != padded_HW[:, :-1]))
