"""From probability maps to masks. Only this module decides which pixels belong to a class.

Shape suffixes: K channels of a map, H x W pixels, h rows of a strip.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from raytrain.config.steps import StepSpec, in_order
from raytrain.config.target import Target
from raytrain.metrics.class_pixels import bands
from raytrain.metrics.steps import STEPS

SINGLE = 2**31
"""Largest number of bytes of a map that is held in single precision. A larger map is held in half
precision, in which out-of-fold maps are stored as well."""


def mask_of(prob_KHW: Any, target: Target, steps: tuple[StepSpec, ...] = ()) -> Any:
    """Return mask_HW (int64) of a map, after the fitted steps: the most probable class or, if
    classes overlap, all classes with a probability over .5.

    The steps are applied in the order of STEPS. Accepts arrays, and without steps also tensors. The
    numbers of a mask are explained in `config/target.py`.
    """
    if target == "single_label":
        mask_HW = prob_KHW.argmax(0)
    else:
        mask_HW = sum((prob_HW > 0.5) * (1 << bit) for bit, prob_HW in enumerate(prob_KHW))
    if not steps:
        return mask_HW
    assert isinstance(prob_KHW, np.ndarray)
    # Stored maps are float16, in which products and thresholds are rounded.
    exact_KHW = prob_KHW.astype(np.result_type(prob_KHW, np.float32), copy=False)
    _correct(mask_HW, exact_KHW, target, steps)
    return mask_HW


def mask_of_strips(
    strips: Iterable[np.ndarray],
    size_HW: tuple[int, int],
    target: Target,
    steps: tuple[StepSpec, ...] = (),
) -> np.ndarray:
    """Return mask_HW (uint8, or uint16 if classes overlap) of an image whose map comes as strips
    prob_KhW (float32), from top to bottom.

    It is the mask of the whole map. The map is held in memory only for steps that read it, without
    the background, and in half precision if it is larger than `SINGLE`.
    """
    at_pixels = tuple(step for step in steps if step.reads == "pixel")
    others = tuple(step for step in steps if step.reads != "pixel")
    held = any(step.reads == "map" for step in others)
    first = int(target == "single_label")  # the channel of the first foreground class
    mask_HW = np.empty(size_HW, np.uint8 if target == "single_label" else np.uint16)
    held_KHW, top = np.zeros((0, *size_HW), np.float32), 0
    for prob_KhW in strips:
        if held and not top:
            held_KHW = _room((len(prob_KhW), *size_HW), len(prob_KhW) - first)
        for part in bands(prob_KhW.shape[1:]):
            rows = slice(top + part.start, top + part.stop)
            mask_HW[rows] = mask_of(prob_KhW[:, part], target, at_pixels)
            if held:
                held_KHW[first:, rows] = prob_KhW[first:, part]
        top += prob_KhW.shape[1]
    assert top == size_HW[0]
    _correct(mask_HW, held_KHW, target, others)
    return mask_HW


def _correct(
    mask_HW: np.ndarray, prob_KHW: np.ndarray, target: Target, steps: tuple[StepSpec, ...]
) -> None:
    for spec in in_order(steps):
        STEPS[spec.name](spec, prob_KHW, mask_HW, target)


def _room(shape_KHW: tuple[int, int, int], written: int) -> np.ndarray:
    """Return zeros for a map. `written` is the number of channels that will be filled; only these
    use memory."""
    size = 4 * written * shape_KHW[1] * shape_KHW[2]
    return np.zeros(shape_KHW, np.float32 if size <= SINGLE else np.float16)
