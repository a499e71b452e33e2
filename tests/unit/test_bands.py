"""Masks of large images are made in bands and strips: the same bits as at once, in less memory."""

import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from raytrain.config.steps import (
    STEP_SPECS,
    BiasStep,
    FillHolesStep,
    InsideStep,
    LargestComponentsStep,
    PresenceStep,
    QuantileStep,
    SmallestAreaStep,
    StepSpec,
    ThresholdStep,
)
from raytrain.config.target import Target, layer
from raytrain.metrics.components import Components
from raytrain.metrics.decide import mask_of, mask_of_strips
from raytrain.metrics.steps import STEPS
from tests.step_maps import a_map, applied, fitted

SHAPE = (31, 23)
SHAPES = [SHAPE, (31, 1), (1, 31)]
KINDS: list[tuple[int, Target]] = [
    (2, "single_label"), (4, "single_label"), (2, "multi_label"), (4, "multi_label")
]  # fmt: skip
SEVERAL: list[tuple[int, Target, tuple[StepSpec, ...]]] = [
    (3, "single_label", (
        BiasStep(at=(0.5, -0.5)), PresenceStep(at=(2, 4)), FillHolesStep(at=(1, 1)),
        SmallestAreaStep(at=(2, 3)), LargestComponentsStep(at=(2, 1)),
        InsideStep(inner=2, outer=1),
    )),
    (2, "single_label", (QuantileStep(at=(0.3,)), LargestComponentsStep(at=(2,)))),
    (3, "multi_label", (
        ThresholdStep(at=(0.4, 0.6)), FillHolesStep(at=(1, 0)), LargestComponentsStep(at=(3, 1)),
    )),
]  # fmt: skip


def cut(prob_KHW: np.ndarray, *heights: int) -> Iterator[np.ndarray]:
    return iter(np.split(prob_KHW, np.cumsum(heights)[:-1], axis=1))


def spiral(side: int) -> np.ndarray:
    """One line of one pixel: every band has many parts of the one component."""
    mask_HW = np.zeros((side, side), bool)
    row, column, step = 0, 0, (0, 1)
    while True:
        mask_HW[row, column] = True
        for _ in range(2):
            (down, right), far = step, (row + 2 * step[0], column + 2 * step[1])
            following = (row + down, column + right)
            free = all(0 <= at < side for at in following) and not mask_HW[following]
            if free and not (all(0 <= at < side for at in far) and mask_HW[far]):
                row, column = following
                break
            step = (right, -down)
        else:
            return mask_HW


@pytest.mark.parametrize("band", [1, 5 * 23])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("classes", "target"), KINDS)
def test_a_mask_made_in_bands_is_the_mask_made_at_once(
    classes: int, target: Target, shape: tuple[int, int], band: int, monkeypatch: Any
) -> None:
    prob = a_map(classes, target, shape)
    steps = [
        step
        for name in STEPS
        if STEP_SPECS[name].fits(classes, target)
        for _, step in fitted(name, classes)
    ]
    whole = [mask_of(prob, target, (step,)) for step in steps]
    monkeypatch.setattr("raytrain.metrics.class_pixels.BAND", band)
    for step, expected in zip(steps, whole, strict=True):
        assert np.array_equal(mask_of(prob, target, (step,)), expected), step
        strips = cut(prob, *([7] * 4 + [3] if shape[0] == 31 else [1]))
        found = mask_of_strips(strips, shape, target, (step,))
        assert found.dtype == (np.uint8 if target == "single_label" else np.uint16)
        assert np.array_equal(found, expected), step


@pytest.mark.parametrize(("classes", "target", "steps"), SEVERAL)
@pytest.mark.parametrize("single", [2**31, 0], ids=["single precision", "half precision"])
def test_several_steps_on_strips(
    classes: int, target: Target, steps: tuple[StepSpec, ...], single: int, monkeypatch: Any
) -> None:
    """Values of half precision, as out-of-fold maps have them, lose nothing by it."""
    prob = a_map(classes, target, SHAPE).astype(np.float16).astype(np.float32)
    expected = mask_of(prob, target, steps)
    monkeypatch.setattr("raytrain.metrics.class_pixels.BAND", 200)
    monkeypatch.setattr("raytrain.metrics.decide.SINGLE", single)
    assert np.array_equal(mask_of_strips(cut(prob, 1, 15, 15), SHAPE, target, steps), expected)


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("band", [1, 3 * 41, 2**22])
def test_components_of_bands_are_those_of_scipy(
    connectivity: int, band: int, monkeypatch: Any
) -> None:
    monkeypatch.setattr("raytrain.metrics.class_pixels.BAND", band)
    rng = np.random.default_rng(0)
    noise = [rng.random((40, 41)) < share for share in (0, 0.3, 0.5, 0.6, 1)]
    for mask_HW in (*noise, spiral(41), ~spiral(41)):
        components = Components(mask_HW.__getitem__, mask_HW.shape, connectivity)
        label_HW, count = ndimage.label(mask_HW, np.ones((3, 3)) if connectivity == 8 else None)
        found_HW = np.concatenate([part_M[label] for _, label, part_M in components.banded()])
        pairs = set(zip(label_HW.ravel().tolist(), found_HW.ravel().tolist(), strict=True))
        assert components.count == count
        assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})
        area_N = np.bincount(found_HW.ravel(), minlength=count + 1)
        assert components.area_N[1:].tolist() == area_N[1:].tolist()
    assert count == 1 or connectivity == 8


def test_steps_that_read_pixels_come_first_and_read_no_more() -> None:
    reads = [spec.reads for spec in STEP_SPECS.values()]
    assert reads == sorted(reads, key=lambda what: what != "pixel")
    for name, spec in STEP_SPECS.items():
        classes = 3 if spec.fits(3, "single_label") else 2
        prob = a_map(classes, "single_label", SHAPE)
        for _, step in fitted(name, classes):
            if spec.reads == "pixel":
                parts = [mask_of(part, "single_label", (step,)) for part in cut(prob, 11, 20)]
                assert np.array_equal(np.concatenate(parts), mask_of(prob, "single_label", (step,)))
            elif spec.reads == "mask":
                mask, none = mask_of(prob, "single_label"), np.zeros((0, *SHAPE))
                found = [applied(step, map, mask, "single_label") for map in (prob, none)]
                assert np.array_equal(*found)


@pytest.mark.parametrize(("steps", "most"), [(SEVERAL[0][2], 9), ((FillHolesStep(at=(1, 1)),), 2)])
def test_bytes_for_each_pixel(steps: tuple[StepSpec, ...], most: float, monkeypatch: Any) -> None:
    """The mask, bands and, for steps that read it, the map in half precision: 6 bytes, a
    third of them the background's, which is counted here although it is never written."""
    monkeypatch.setattr("raytrain.metrics.class_pixels.BAND", 2**14)
    monkeypatch.setattr("raytrain.metrics.decide.SINGLE", 0)
    rng, size = np.random.default_rng(0), (1200, 1000)

    def strips() -> Iterator[np.ndarray]:
        for _ in range(120):
            yield rng.random((3, 1, 100), np.float32).repeat(10, 1).repeat(10, 2)

    tracemalloc.start()
    mask_of_strips(strips(), size, "single_label", steps)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak / (size[0] * size[1]) < most


def test_a_layer_of_a_band_is_that_of_the_mask() -> None:
    mask_HW = np.arange(12).reshape(4, 3)
    for target in ("single_label", "multi_label"):
        assert np.array_equal(layer(mask_HW[1:3], 2, target), layer(mask_HW, 2, target)[1:3])
