"""Infer the content of a row, the text of an empty mask, and the order of the rows."""

from collections import Counter
from itertools import groupby

import numpy as np
from scipy import ndimage

from raytrain.data.index import natural_key
from raytrain.rle import decode
from raytrain.rle.guess import Reading, says_no_pixel
from raytrain.submission.inference.evidence import DRAWN, Told
from raytrain.submission.inference.finding import Finding, Sure, unknown
from raytrain.submission.inference.tables import Table

MANY = 10
"""If at least this number of masks have no repeated id, it is likely that ids are never
repeated."""


def empty_token(sample: Table, train: Table | None) -> tuple[Finding, str | None]:
    """Return the text of an empty mask in the sample, and the text of an empty mask in the training
    table.

    Raises ValueError when the sample has two.
    """
    of_sample = _tokens(sample)
    of_train = None if train is None else _tokens(train)
    own = None if not of_train else of_train[0]
    if of_sample:
        why = f"{sample.path.name} has this text"
        return Finding("empty", of_sample[0], "decided", why), own
    if train is not None and own is not None:
        why = (
            f"{sample.path.name} has no empty mask, and {train.path.name} writes empty masks "
            "this way"
        )
        return Finding("empty", own, "likely", why), own
    return unknown("empty", "no cell is an empty mask; see the competition's page"), None


def _tokens(table: Table) -> list[str]:
    cells = table.column(table.encoding)
    first = {cell.strip(): at for at, cell in reversed([*enumerate(cells)]) if says_no_pixel(cell)}
    # A blank cell is always read as empty.
    words = sorted([*filter(None, first)], key=first.__getitem__)
    if len(words) > 1:
        one, other = (f"{word!r} in row {table.numbers[first[word]]}" for word in words[:2])
        raise ValueError(f"{table.path}: an empty mask has two texts: {one}, {other}; keep one")
    return words or [*first]


def row_kind(
    tables: list[Table], keys: dict[str, list[tuple[str, str]]], told: list[Told], reading: Reading,
) -> Finding:  # fmt: skip
    """Return the finding whether a row encodes a mask or an object. No cell lists several masks.

    `keys` are the pairs (image, class) of each table's rows, by the path of the table.
    """
    for table in tables:
        of_table = keys[str(table.path)]
        (key, count), *_ = Counter(of_table).most_common(1)
        if count > 1:
            image = " ".join(filter(None, key))
            why = f"{image!r} has {count} rows in {table.path.name}"
            return Finding("row", "object", "decided", why)
    if not told:
        return unknown(
            "row",
            "no mask is known; give a training table (--train), in which repeated ids mean objects",
        )
    parted = [item.where for item in told[:DRAWN] if _parts(item, reading) > 1]
    if parted:
        why = f"no id is repeated, and {len(parted)} masks have several regions"
        return Finding("row", "mask", "decided", f"{why}, the first in {parted[0]}")
    if len(told) >= MANY:
        return Finding(
            "row", "mask", "likely", f"each of the {len(told)} masks has an id of its own"
        )
    return unknown(
        "row",
        f"no id is repeated, but there are only {len(told)} masks, each a single region; give a "
        "table with more masks (--train)",
    )


def _parts(item: Told, reading: Reading) -> int:
    if item.size_HW is None:
        return 0
    return ndimage.label(decode(item.text, item.size_HW, reading), np.ones((3, 3)))[1]


def class_words(classes: list[str], sure: Sure, where: str) -> Finding:
    """Return the classes that the rows of the sample name, each once; `classes` holds "" for a row
    that names none."""
    words = tuple(dict.fromkeys(filter(None, classes)))
    if not words:
        return Finding(
            "classes",
            None,
            sure,
            "rows have no class: each encodes all pixels that are not background",
        )
    numbers = [int(word) for word in words if word.isdecimal()]
    more = ""
    if len(numbers) == len(words) and sorted(numbers) != [*range(1, len(words) + 1)]:
        more = "; raytrain numbers the classes from 1, and the background is 0"
    return Finding("classes", words, sure, f"the classes in the order of {where}{more}")


def row_order(names: list[str], classes: list[str], where: str) -> Finding:
    """Return the finding how the sample sorts its images. `names` and `classes` are those of its
    rows."""
    images = [name for name, _ in groupby(names)]
    in_blocks = len(images) == len(set(names))
    orders = {
        "natural (2 before 10)": sorted(set(names), key=natural_key),
        "alphabetical (10 before 2)": sorted(set(names)),
    }
    if len(images) == 1:
        return unknown("row order", f"{where} has only one image; see the competition's page")
    fitting = [name for name, order in orders.items() if in_blocks and images == order]
    if fitting:
        own = {tuple(word for _, word in group) for _, group in _by_image(names, classes)}
        same = (
            ""
            if len(own) == 1 or not any(classes)
            else "; the order of the classes changes from image to image"
        )
        return Finding(
            "row order",
            " and ".join(fitting),
            "decided",
            f"the ids of {where} are in this order{same}",
        )
    how = "its images are not sorted by name" if in_blocks else "rows of an image are not together"
    return Finding("row order", "as in the sample", "decided", how)


def _by_image(names: list[str], classes: list[str]) -> groupby:
    return groupby(zip(names, classes, strict=True), key=lambda pair: pair[0])
