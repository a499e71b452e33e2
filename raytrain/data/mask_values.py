"""Convert the values or colors in masks to class numbers."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from raytrain.config.errors import unknown_name
from raytrain.config.labels import (
    ClassLabelsSpec,
    ColorTableLabelsSpec,
    LabelsSpec,
    ListedLabelsSpec,
    NearestLabelsSpec,
    ThresholdLabelsSpec,
    ValueLabelsSpec,
)
from raytrain.config.target import IGNORE
from raytrain.data.decode import decode_colors, decode_levels, decode_mask, decode_near_colors
from raytrain.data.nearest import color_channels, gray_channel, nearest_classes
from raytrain.data.strips import strips
from raytrain.data.tables import read_table

GRAY = 0x010101
"""Factor from a gray level to the number of its color."""


def read_classes(
    path: Path, labels: LabelsSpec, classes: tuple[str, ...], root: Path
) -> np.ndarray:
    """Return mask_HW (uint8) of class numbers, and IGNORE for unlabeled pixels, from a mask file.

    Raises ValueError for a file that is unreadable, or that has values without a class.
    """
    lossy = isinstance(labels, NearestLabelsSpec)
    if isinstance(labels, ThresholdLabelsSpec) or (lossy and not _colored(labels)):
        values_HW = decode_levels(path)
    elif lossy:
        values_HW = decode_near_colors(path)
    elif _colored(labels):
        values_HW = decode_colors(path)
    else:
        values_HW = decode_mask(path)
    return as_classes(values_HW, labels, classes, path, root)


def as_classes(
    values_HW: np.ndarray, labels: LabelsSpec, classes: tuple[str, ...], source: Path | str,
    root: Path,
) -> np.ndarray:  # fmt: skip
    """Return mask_HW (uint8) of class numbers, and IGNORE for unlabeled pixels, from mask values.

    Colors are 0xRRGGBB. `root` is the folder of the table of colors. Raises ValueError that names
    `source` for values without a class.
    """
    values_HW = values_HW.view(np.uint8) if values_HW.dtype == bool else values_HW
    if isinstance(labels, ThresholdLabelsSpec):
        return (values_HW > labels.above).astype(np.uint8)
    meaning = _meaning(labels, classes, root)
    if isinstance(labels, NearestLabelsSpec):
        channels = color_channels if labels.colored else gray_channel
        return nearest_classes(values_HW, meaning, channels, source)
    found = set().union(
        *(pd.unique(values_HW[rows].ravel()).tolist() for rows in strips(values_HW))
    )
    strange = sorted(found - set(meaning))
    if strange:
        words = [f"'#{value:06x}'" if _colored(labels) else str(value) for value in strange]
        shown = ", ".join(words[:10]) + (", ..." if len(strange) > 10 else "")
        what = "colors" if _colored(labels) else "values"
        raise ValueError(
            f"{source}: mask {what} [{shown}] do not belong to any of the {len(classes)} classes; "
            f"set competition.format.labels: {_advice(values_HW, strange, words, len(classes))}"
        )
    if max(meaning) < 2**16:
        numbers = np.zeros(max(meaning) + 1, np.uint8)
        numbers[list(meaning)] = list(meaning.values())
        return numbers[values_HW]
    mask_HW = np.zeros(values_HW.shape, np.uint8)
    for value in found:
        mask_HW[values_HW == value] = meaning[value]
    return mask_HW


def _colored(labels: LabelsSpec) -> bool:
    """Return whether masks are read as colors."""
    if isinstance(labels, ListedLabelsSpec):
        return labels.colored
    return isinstance(labels, ColorTableLabelsSpec)


def _meaning(
    labels: ClassLabelsSpec | ValueLabelsSpec | NearestLabelsSpec | ColorTableLabelsSpec,
    classes: tuple[str, ...], root: Path,
) -> dict[int, int]:  # fmt: skip
    """Return value or color in a mask -> class number or IGNORE."""
    if isinstance(labels, ColorTableLabelsSpec):
        path = root / labels.file
        return _table(path, path.stat().st_mtime_ns if path.is_file() else 0, labels, classes)
    if isinstance(labels, ClassLabelsSpec):
        meaning = {number: number for number in range(len(classes))}
    else:
        meaning = {
            _as_number(value, labels.colored): classes.index(k) if isinstance(k, str) else k
            for value, k in labels.classes.items()
        }
    colored = _colored(labels)
    return meaning | {_as_number(value, colored): IGNORE for value in labels.ignore}


def _as_number(value: int | str, colored: bool) -> int:
    if isinstance(value, str):
        return int(value[1:], 16)
    return value * GRAY if colored else value


@lru_cache(maxsize=4)
def _table(
    path: Path, written: int, labels: ColorTableLabelsSpec, classes: tuple[str, ...]
) -> dict[int, int]:
    """Return color -> class number or IGNORE. `written` is the time of the file; with it, the cache
    notices a changed file.

    Raises ValueError that lists every wrong row.
    """
    del written
    table = read_table(path)
    meaning: dict[int, int] = {}
    problems: list[str] = []
    missing = {*classes[1:], *labels.ignore}  # the background may have no color
    rows = zip(*(table.column(name) for name in labels.columns), strict=True)
    for at, (name, *levels) in enumerate(rows):
        name, here = name.strip(), f"{table.where(at)} (competition.format.labels)"
        if not all(text.strip().isdecimal() and int(text) < 256 for text in levels):
            problems.append(f"{here}: red, green and blue are whole numbers from 0 to 255")
            missing.discard(name)
            continue
        red, green, blue = map(int, levels)
        color = red << 16 | green << 8 | blue
        if name not in classes and name not in labels.ignore:
            problems.append(
                f"{here}: class {unknown_name(name, classes)} (add it to competition.classes, or "
                "to ignore)"
            )
        elif color in meaning:
            problems.append(f"{here}: another row has the color of {name!r}; correct one")
        else:
            meaning[color] = IGNORE if name in labels.ignore else classes.index(name)
        missing.discard(name)
    problems += [f"{path}: has no row for class {name!r}; add one" for name in sorted(missing)]
    if problems:
        raise ValueError("\n".join(problems))
    return meaning


def _advice(values_HW: np.ndarray, strange: list[int], words: list[str], classes: int) -> str:
    """Return the setting of `competition.format.labels` that a mask with these values most likely
    needs."""
    colored = words[0].startswith("'")
    unsure = len(strange) == 1 and bool((values_HW == 1).any())
    if classes == 2 and not unsure and not colored:
        return (
            f"{{name: threshold, above: {strange[-1] // 2}}}, if every brighter pixel belongs to "
            "the second class"
        )
    example = ", ".join(f"{word}: {number}" for number, word in enumerate(words[:2]))
    return (
        f"{{name: values, classes: {{{example if colored else f'0: 0, {words[0]}: 1'}}}}}, with "
        f"the class of each {'color' if colored else 'value'}, or {{ignore: "
        f"[{', '.join(words[:10])}]}}, if these pixels are unlabeled; losses and scores then skip "
        "them"
    )
