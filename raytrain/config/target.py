"""The meaning of the numbers in a mask.

Both kinds of masks are one plane of whole numbers. The code that moves masks (the cache, tiles,
nearest-neighbor augmentation) therefore handles both alike.
"""

from typing import Any, Literal

Target = Literal["single_label", "multi_label"]
"""`single_label`: a pixel has one class, and its number is the class. `multi_label`: classes may
overlap; bit k - 1 of the number says whether the pixel belongs to class k, and 0 is background."""

IGNORE = 255
"""The value of unlabeled pixels in single-label masks. Losses and metrics skip these pixels."""

MOST_LAYERS = 16
"""Largest number of classes that may overlap, not counting the background."""


def layer(mask: Any, number: int, target: Target) -> Any:
    """Return, as a bool array or tensor of the mask's shape, which pixels of `mask` have class
    `number`."""
    if target == "single_label" or number == 0:
        return mask == number
    return (mask & (1 << (number - 1))) != 0


def stored_type(classes: int, target: Target) -> str:
    """Return the dtype that can hold the numbers of a mask of `classes` classes."""
    return "uint16" if target == "multi_label" and classes > 9 else "uint8"


def outputs(classes: int, target: Target) -> int:
    """Return the number of channels of a network's logits; `classes` includes the background.

    Overlapping classes are predicted independently, and pixels of none of them are background.
    """
    return classes if target == "single_label" else classes - 1
