"""What the numbers of a mask mean.

Masks of both kinds are one plane of whole numbers, so that all that moves them (the cache, tiles,
augmentation by the nearest pixel) need not know which kind they are.
"""

from typing import Any, Literal

Target = Literal["single_label", "multi_label"]
"""`single_label`: a pixel is of one class, and its number is the class's. `multi_label`: classes
may overlap; bit k - 1 of the number says whether the pixel is of class k, 0 is the background."""

IGNORE = 255
"""The number of single-label pixels that nobody judged: neither loss nor metric sees them."""

MOST_LAYERS = 16
"""Classes that may overlap, background aside."""


def layer(mask: Any, number: int, target: Target) -> Any:
    """Where class `number` is, as bool, in a mask that is an array or a tensor of any shape."""
    if target == "single_label" or number == 0:
        return mask == number
    return (mask & (1 << (number - 1))) != 0


def mask_of(prob_KHW: Any, target: Target) -> Any:
    """mask_HW (int64) of the most probable class, or of all with a probability over .5; arrays
    and tensors alike."""
    if target == "single_label":
        return prob_KHW.argmax(0)
    return sum((prob_HW > 0.5) * (1 << bit) for bit, prob_HW in enumerate(prob_KHW))


def stored_type(classes: int, target: Target) -> str:
    """The dtype that holds the mask values of so many classes."""
    return "uint16" if target == "multi_label" and classes > 9 else "uint8"


def outputs(classes: int, target: Target) -> int:
    """Channels of a network's logits for so many classes, the background among them.

    Overlapping classes are judged one by one; what is none of them is the background.
    """
    return classes if target == "single_label" else classes - 1
