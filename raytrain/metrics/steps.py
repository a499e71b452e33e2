"""Steps that correct a mask in place, one class after the other.

They read and write large masks in bands of rows to save memory. Shape suffixes: K channels of the
map, H x W pixels, h rows of a band, N components, M labels of a band.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from raytrain.config.steps import BiasStep, FillHolesStep, InsideStep, PerClassStep
from raytrain.config.target import Target
from raytrain.metrics.class_pixels import ClassPixels, Rows, bands
from raytrain.metrics.components import Components
from raytrain.metrics.hull import corners, in_hull

Step = Callable[[Any, np.ndarray, np.ndarray, Target], None]


Change = Callable[[ClassPixels, float], Rows]
"""Function from a class and the step's value for it to the pixels of the class after the step."""


def bias(spec: BiasStep, prob_KHW: np.ndarray, mask_HW: np.ndarray, target: Target) -> None:
    """Take, at each pixel, the class with the highest log p + b. It is computed as p exp(b), which
    needs no log 0."""
    factor_K = np.exp((0.0, *spec.at)).astype(prob_KHW.dtype)
    mask_HW[:] = (prob_KHW * factor_K[:, None, None]).argmax(0)


def fill_holes(
    spec: FillHolesStep, prob_KHW: np.ndarray, mask_HW: np.ndarray, target: Target
) -> None:
    """Fill the holes of all classes at once, as they are in the given mask."""
    chosen = [number for number, at in enumerate(spec.at, 1) if at]
    holes = {number: _holes(ClassPixels(mask_HW, number, target, prob_KHW)) for number in chosen}
    for rows in bands(mask_HW.shape):
        filled_hW = mask_HW[rows].copy()
        smallest_hW = np.full(filled_hW.shape, mask_HW.size, np.int64)
        for number, (components, hole_N) in holes.items():
            area_hW = components.values(hole_N, rows)
            gained_hW = area_hW > 0
            if target == "single_label":
                gained_hW &= (mask_HW[rows] == 0) & (area_hW < smallest_hW)
                smallest_hW[gained_hW] = area_hW[gained_hW]
                filled_hW[gained_hW] = number
            else:
                filled_hW[gained_hW] |= 1 << (number - 1)
        mask_HW[rows] = filled_hW


def inside(spec: InsideStep, prob_KHW: np.ndarray, mask_HW: np.ndarray, target: Target) -> None:
    inner = ClassPixels(mask_HW, spec.inner, target, prob_KHW)
    hull_C2 = corners(ClassPixels(mask_HW, spec.outer, target, prob_KHW))
    _write(inner, lambda rows: in_hull(inner.at(rows), rows.start, hull_C2))


def _each(
    change: Change, spec: PerClassStep, prob_KHW: np.ndarray, mask_HW: np.ndarray, target: Target
) -> None:
    """Change every class for which the value of the step is not neutral."""
    for number, at in enumerate(spec.at, 1):
        if at != spec.neutral:
            pixels = ClassPixels(mask_HW, number, target, prob_KHW)
            _write(pixels, change(pixels, at))


def _write(pixels: ClassPixels, now: Rows) -> None:
    """Change the mask so that the pixels of the class are those that `now` returns. `now` may read
    the band of the mask that is being changed.

    With one class a pixel, `now` must not return pixels of another foreground class.
    """
    for rows in bands(pixels.mask_HW.shape):
        band_hW, was_hW, now_hW = pixels.mask_HW[rows], pixels.at(rows), now(rows)
        if pixels.target == "multi_label":
            band_hW[was_hW != now_hW] ^= 1 << (pixels.number - 1)
        else:
            band_hW[was_hW] = 0
            band_hW[now_hW] = pixels.number


def _over(pixels: ClassPixels, limit: float) -> Rows:
    return lambda rows: pixels.prob_HW[rows] > limit


def _highest(pixels: ClassPixels, share: float) -> Rows:
    prob_HW = pixels.prob_HW
    count = round(share * prob_HW.size)
    if not count:
        return lambda rows: np.zeros(prob_HW[rows].shape, bool)
    last = _ranked(prob_HW, count)
    return lambda rows: (prob_HW[rows] >= last) & (prob_HW[rows] > 0)


def _ranked(prob_HW: np.ndarray, rank: int) -> float:
    """Return the value of this rank, 1 being the highest, without a sorted copy of the plane.

    The bits of nonnegative floats rise with their values, so the value is found by bisection of the
    bits.
    """
    bits = np.dtype(f"u{prob_HW.itemsize}")
    low, high = 0, int(prob_HW.max().view(bits))
    while low < high:
        middle = (low + high + 1) // 2
        value = np.array(middle, bits).view(prob_HW.dtype)
        found = sum(np.count_nonzero(prob_HW[rows] >= value) for rows in bands(prob_HW.shape))
        low, high = (middle, high) if found >= rank else (low, middle - 1)
    return float(np.array(low, bits).view(prob_HW.dtype))


def _if_enough(pixels: ClassPixels, least: float) -> Rows:
    prob_HW = pixels.prob_HW
    mass = sum(
        prob_HW[rows][pixels.at(rows)].sum(dtype=np.float64) for rows in bands(prob_HW.shape)
    )
    return lambda rows: pixels.at(rows) & (mass >= least)


def _without_small(pixels: ClassPixels, least: float) -> Rows:
    components = Components(pixels.at, pixels.mask_HW.shape, 8)
    keep_N = components.area_N >= least
    return lambda rows: components.values(keep_N, rows)


def _largest(pixels: ClassPixels, most: float) -> Rows:
    components = Components(pixels.at, pixels.mask_HW.shape, 8)
    if components.count <= most:
        return pixels.at
    sum_N = np.zeros(components.count + 1)
    first_N = np.full(components.count + 1, pixels.mask_HW.size)
    for rows, label_hW, part_M in components.banded():
        labels = label_hW.ravel()
        np.add.at(sum_N, part_M, np.bincount(labels, pixels.prob_HW[rows].ravel()))
        # Of repeated indices, the last one counts; so this is each label's first pixel.
        first_M = np.zeros(len(part_M), int)
        first_M[labels[::-1]] = np.arange(labels.size)[::-1]
        np.minimum.at(first_N, part_M, first_M + rows.start * label_hW.shape[1])
    keep_N = np.zeros(components.count + 1, bool)
    order_N = np.lexsort((first_N, -sum_N, -components.area_N))
    keep_N[order_N[: int(most)]] = True
    return lambda rows: components.values(keep_N, rows)


def _holes(pixels: ClassPixels) -> tuple[Components, np.ndarray]:
    """Return the connected components outside the class, and area_N (px) of those that are holes: 0
    where they reach the image's edge."""
    components = Components(pixels.absent, pixels.mask_HW.shape, 4)
    area_N = components.area_N
    for rows, label_hW, part_M in components.banded():
        edges = [label_hW[:, 0], label_hW[:, -1]]
        edges += [label_hW[0]] * (rows.start == 0) + [label_hW[-1]] * (
            rows.stop == len(pixels.mask_HW)
        )
        for edge in edges:
            area_N[part_M[edge]] = 0
    return components, area_N


STEPS: dict[str, Step] = {
    "threshold": partial(_each, _over),
    "bias": bias,
    "quantile": partial(_each, _highest),
    "presence": partial(_each, _if_enough),
    "fill_holes": fill_holes,
    "smallest_area": partial(_each, _without_small),
    "largest_components": partial(_each, _largest),
    "inside": inside,
}
"""Name -> function that changes a mask. It takes the step's spec, prob_KHW (floats), mask_HW and
the target."""
