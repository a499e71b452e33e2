"""From what mask files hold to class numbers."""

from pathlib import Path

import numpy as np

from raytrain.config.errors import unknown_name
from raytrain.config.formats import (
    ClassLabelsSpec,
    LabelsSpec,
    ThresholdLabelsSpec,
    ValueLabelsSpec,
)


def as_classes(mask_HW: np.ndarray, labels: LabelsSpec, source: Path | str) -> np.ndarray:
    """mask_HW of class numbers. Raises ValueError naming `source` for a value without a class."""
    match labels:
        case ClassLabelsSpec():
            return mask_HW
        case ThresholdLabelsSpec():
            return (mask_HW > labels.above).astype(np.uint8)
        case ValueLabelsSpec():
            values, place_HW = np.unique(mask_HW, return_inverse=True)
            strange = [int(value) for value in values if int(value) not in labels.classes]
            if strange:
                raise ValueError(
                    f"{source}: mask values {strange} are not in format.labels.classes"
                )
            numbers = np.array([labels.classes[int(value)] for value in values], np.uint8)
            return numbers[place_HW].reshape(mask_HW.shape)


def class_number(word: str, classes: tuple[str, ...]) -> int:
    """The class that a name or number means. Raises ValueError for an unknown one."""
    if word in classes:
        return classes.index(word)
    if word.isdecimal() and int(word) < len(classes):
        return int(word)
    raise ValueError(f"class {unknown_name(word, classes)}")


def merged(layers: list[tuple[int, np.ndarray, str]]) -> np.ndarray:
    """mask_HW (uint8) from (class, layer_HW bool, name) in any order.

    Raises ValueError where two classes claim one pixel, or layers differ in size.
    """
    mask_HW = np.zeros(layers[0][1].shape, np.uint8)
    for number, layer_HW, name in layers:
        if layer_HW.shape != mask_HW.shape:
            raise ValueError(f"{name}: the parts of this mask have different sizes")
        both = layer_HW & (mask_HW != 0) & (mask_HW != number)
        if both.any():
            raise ValueError(
                f"{name}: {int(both.sum())} px belong to another class, too; masks whose classes "
                "overlap are not supported yet"
            )
        mask_HW[layer_HW] = number
    return mask_HW
