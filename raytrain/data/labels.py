"""Layers of classes and objects as one mask, and the names and numbers of classes."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np

from raytrain.config.errors import unknown_name
from raytrain.config.target import Target, layer
from raytrain.data.index import composed
from raytrain.data.strips import strips


def class_number(
    word: str, classes: tuple[str, ...], written: Literal["number", "name"] | None
) -> int:
    """Return the number of the class that `word` names by its name or number. If the word is one
    class's name and another one's number, `written` decides.

    Raises ValueError for an unknown class, and for a word with both meanings if `written` is None.
    """
    word, classes = composed(word), tuple(map(composed, classes))
    found: dict[str, int] = {}
    if word in classes:
        found["name"] = classes.index(word)
    if word.isdecimal() and int(word) < len(classes):
        found["number"] = int(word)
    if not found:
        raise ValueError(f"class {unknown_name(word, classes)}")
    if written is None and len({*found.values()}) > 1:
        raise ValueError(
            f"class {word!r} is the name of class {found['name']} and the number of another; "
            "rename it in competition.classes"
        )
    return found.get(written or "", next(iter(found.values())))


def merged(layers: Iterable[tuple[int, np.ndarray, str]], target: Target) -> np.ndarray:
    """Return mask_HW from (class, layer_HW bool, name) in any order, at least one.

    If `layers` is a generator, one layer is in memory at a time.

    Raises ValueError if layers differ in size, or if two classes contain the same pixel although
    classes must not overlap.
    """
    mask_HW = None
    for number, layer_HW, name in layers:
        if mask_HW is None:
            mask_HW = np.zeros(layer_HW.shape, np.uint16)
        if layer_HW.shape != mask_HW.shape:
            raise ValueError(
                f"{name}: the files of this mask differ in size; all must have the image's size"
            )
        if target == "multi_label":
            if number:  # background pixels are those without a class
                mask_HW[layer_HW] |= 1 << (number - 1)
            continue
        both = layer_HW & (mask_HW != 0) & (mask_HW != number)
        if both.any():
            raise ValueError(
                f"{name}: {int(both.sum())} px also belong to another class; if classes may "
                "overlap, set competition.target: multi_label"
            )
        mask_HW[layer_HW] = number
    assert mask_HW is not None
    return mask_HW


def stacked(layers_HWC: np.ndarray, classes: int, source: Path | str) -> np.ndarray:
    """Return mask_HW of overlapping classes from one layer per class, in the order of the classes.

    Raises ValueError that names `source` when the numbers of layers and classes differ.
    """
    if layers_HWC.shape[2] != classes - 1:
        raise ValueError(
            f"{source}: the mask has {layers_HWC.shape[2]} layers, but {classes - 1} classes may "
            "overlap; save one layer per class, without the background"
        )
    mask_HW = np.zeros(layers_HWC.shape[:2], np.uint16)
    for place in range(classes - 1):
        mask_HW[layers_HWC[..., place] != 0] |= 1 << place
    return mask_HW


def class_pixels(mask_HW: np.ndarray, classes: int, target: Target) -> list[int]:
    """Return the number of pixels of each class. Background pixels are the pixels of no other
    class."""

    def count(mask_HW: np.ndarray) -> np.ndarray:
        if target == "single_label":
            return np.bincount(mask_HW.ravel(), minlength=classes)[:classes]
        return np.array([layer(mask_HW, number, target).sum() for number in range(classes)])

    return np.sum([count(mask_HW[rows]) for rows in strips(mask_HW)], axis=0).tolist()
