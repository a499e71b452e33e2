"""Steps that correct a mask after the map has chosen it, for each class by itself.

Shape suffixes: K channels of the map, H x W pixels. Masks keep their dtype.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np

from raytrain.config.steps import (
    BiasStep,
    FillHolesStep,
    InsideStep,
    PerClassStep,
)
from raytrain.config.target import Target, layer

Step = Callable[[Any, np.ndarray, np.ndarray, Target], np.ndarray]
Change = Callable[[np.ndarray, np.ndarray, float], np.ndarray]
"""Function of one class's prob_HW, class_HW (bool) and value for its new class_HW."""


def bias(spec: BiasStep, prob_KHW: np.ndarray, mask_HW: np.ndarray, target: Target) -> np.ndarray:
    """Return the best class of log p + b, computed as p exp(b), which needs no log 0."""
    factor_K = np.exp((0.0, *spec.at)).astype(prob_KHW.dtype)
    return (prob_KHW * factor_K[:, None, None]).argmax(0).astype(mask_HW.dtype)


def fill_holes(
    spec: FillHolesStep, prob_KHW: np.ndarray, mask_HW: np.ndarray, target: Target
) -> np.ndarray:
    """Return the mask with the holes of all classes of the given mask filled at once."""
    single = target == "single_label"
    filled_HW, smallest_HW = mask_HW, np.full(mask_HW.shape, mask_HW.size, np.int64)
    for number, at in enumerate(spec.at, 1):
        if not at:
            continue
        class_HW = layer(mask_HW, number, target)
        area_HW = _hole_areas(class_HW)
        gained_HW = area_HW > 0
        if single:
            gained_HW &= (mask_HW == 0) & (area_HW < smallest_HW)
            smallest_HW[gained_HW] = area_HW[gained_HW]
            filled_HW = np.where(gained_HW, number, filled_HW)
        else:
            filled_HW = _placed(filled_HW, class_HW | gained_HW, number, target)
    return filled_HW.astype(mask_HW.dtype, copy=False)


def inside(
    spec: InsideStep, prob_KHW: np.ndarray, mask_HW: np.ndarray, target: Target
) -> np.ndarray:
    inner_HW = layer(mask_HW, spec.inner, target)
    kept_HW = _in_hull(inner_HW, layer(mask_HW, spec.outer, target))
    return _placed(mask_HW, kept_HW, spec.inner, target)


def _each(
    change: Change, spec: PerClassStep, prob_KHW: np.ndarray, mask_HW: np.ndarray, target: Target
) -> np.ndarray:
    """Return the mask with every class changed whose value is not the neutral one."""
    foreground = prob_KHW[1:] if target == "single_label" else prob_KHW
    for number, (prob_HW, at) in enumerate(zip(foreground, spec.at, strict=True), 1):
        if at != spec.neutral:
            now_HW = change(prob_HW, layer(mask_HW, number, target), at)
            mask_HW = _placed(mask_HW, now_HW, number, target)
    return mask_HW


def _placed(mask_HW: np.ndarray, now_HW: np.ndarray, number: int, target: Target) -> np.ndarray:
    """Return the mask in which class `number` is where `now_HW` says.

    With one class a pixel, `now_HW` must not contain pixels of another foreground class.
    """
    was_HW = layer(mask_HW, number, target)
    if target == "multi_label":
        return np.where(was_HW != now_HW, mask_HW ^ (1 << (number - 1)), mask_HW)
    return np.where(now_HW, number, np.where(was_HW, 0, mask_HW))


def _highest(prob_HW: np.ndarray, class_HW: np.ndarray, share: float) -> np.ndarray:
    count = round(share * prob_HW.size)
    if not count:
        return np.zeros_like(class_HW)
    place = prob_HW.size - count
    last = np.partition(prob_HW, place, axis=None)[place]
    return (prob_HW >= last) & (prob_HW > 0)


def _if_enough(prob_HW: np.ndarray, class_HW: np.ndarray, least: float) -> np.ndarray:
    enough = prob_HW[class_HW].sum(dtype=np.float64) >= least
    return class_HW if enough else np.zeros_like(class_HW)


def _without_small(prob_HW: np.ndarray, class_HW: np.ndarray, least: float) -> np.ndarray:
    label_HW, area_N = _components(class_HW, 8)
    return (area_N >= least).take(label_HW)


def _largest(prob_HW: np.ndarray, class_HW: np.ndarray, most: float) -> np.ndarray:
    label_HW, area_N = _components(class_HW, 8)
    if np.count_nonzero(area_N) <= most:
        return class_HW
    labels = label_HW.ravel()
    sum_N = np.bincount(labels, prob_HW.ravel())
    # Of repeated indices, the last one counts; so this is each label's first pixel.
    first_N = np.zeros(len(area_N), int)
    first_N[labels[::-1]] = np.arange(labels.size)[::-1]
    keep_N = np.zeros(len(area_N), bool)
    keep_N[np.lexsort((first_N, -sum_N, -area_N))[: int(most)]] = True
    return keep_N.take(label_HW)


def _hole_areas(class_HW: np.ndarray) -> np.ndarray:
    """Return, in px, the area of the hole that each pixel lies in; 0 where no hole is."""
    label_HW, area_N = _components(~class_HW, 4)
    for edge in (label_HW[0], label_HW[-1], label_HW[:, 0], label_HW[:, -1]):
        area_N[edge] = 0
    return area_N.take(label_HW)


def _components(class_HW: np.ndarray, connectivity: int) -> tuple[np.ndarray, np.ndarray]:
    """Return label_HW and area_N (px); label 0 is what is not the class, and its area reads 0."""
    image_HW = np.ascontiguousarray(class_HW).view(np.uint8)
    _, label_HW = cv2.connectedComponents(image_HW, connectivity=connectivity)
    area_N = np.bincount(label_HW.ravel())
    area_N[0] = 0
    return label_HW, area_N


def _in_hull(inner_HW: np.ndarray, outer_HW: np.ndarray) -> np.ndarray:
    """Return the pixels of `inner_HW` that are in the convex hull of the centers of `outer_HW`."""
    kept_HW = np.zeros_like(inner_HW)
    if not outer_HW.any():
        return kept_HW
    hull_C2 = _hull(outer_HW)
    # The box decides where the hull is a line or a point.
    low, high = hull_C2.min(0), hull_C2.max(0) + 1
    box = np.s_[low[0] : high[0], low[1] : high[1]]
    row_N, column_N = (np.argwhere(inner_HW[box]) + low).T
    keep_N = np.ones(len(row_N), bool)
    for (row, column), (to_row, to_column) in zip(
        hull_C2, np.roll(hull_C2, -1, axis=0), strict=True
    ):
        side_N = (to_row - row) * (column_N - column) - (to_column - column) * (row_N - row)
        keep_N &= side_N >= 0
    kept_HW[row_N[keep_N], column_N[keep_N]] = True
    return kept_HW


def _hull(class_HW: np.ndarray) -> np.ndarray:
    """Return row and column of the C corners of the convex hull, in OpenCV's direction."""
    row_M = np.flatnonzero(class_HW.any(1))
    first_M = class_HW[row_M].argmax(1)
    last_M = class_HW.shape[1] - 1 - class_HW[row_M, ::-1].argmax(1)
    ends = np.stack([np.tile(row_M, 2), np.concatenate([first_M, last_M])], axis=1)
    return cv2.convexHull(ends.astype(np.int32))[:, 0].astype(np.int64)


STEPS: dict[str, Step] = {
    "threshold": partial(_each, lambda prob_HW, class_HW, at: prob_HW > at),
    "bias": bias,
    "quantile": partial(_each, _highest),
    "presence": partial(_each, _if_enough),
    "fill_holes": fill_holes,
    "smallest_area": partial(_each, _without_small),
    "largest_components": partial(_each, _largest),
    "inside": inside,
}
"""Name -> function of its spec, prob_KHW (float32 or float64), mask_HW and target for a mask_HW."""
