"""What every step from a map to a mask obeys, whatever it does."""

from typing import Any

import numpy as np
import pytest
import torch

from raytrain.config.steps import (
    STEP_SPECS,
    BiasStep,
    FillHolesStep,
    InsideStep,
    LargestComponentsStep,
    PerClassStep,
    ThresholdStep,
)
from raytrain.config.target import Target, layer
from raytrain.metrics.decide import mask_of
from raytrain.metrics.steps import STEPS
from tests.step_maps import WITHOUT_VALUES, a_map, applied, fitted

KINDS: list[tuple[int, Target]] = [
    (2, "single_label"), (4, "single_label"), (2, "multi_label"), (4, "multi_label"),
    (17, "multi_label"),
]  # fmt: skip
"""Classes with the background, and target."""
CASES = [
    (name, classes, target)
    for name in STEPS
    for classes, target in KINDS
    if STEP_SPECS[name].fits(classes, target)
]
EVERY = pytest.mark.parametrize(("name", "classes", "target"), CASES)


def test_specs_and_functions_have_the_same_names_in_the_same_order() -> None:
    assert list(STEP_SPECS) == list(STEPS)
    assert set(WITHOUT_VALUES) == {
        name for name, spec in STEP_SPECS.items() if not issubclass(spec, PerClassStep)
    }


@EVERY
@pytest.mark.parametrize("shape", [(23, 19), (1, 1), (1, 7), (5, 1)])
def test_neutral_values_change_nothing(name: str, classes: int, target: Target, shape: Any) -> None:
    if name in WITHOUT_VALUES:
        return
    spec = STEP_SPECS[name]
    assert spec.neutral in spec.grid
    assert sorted(set(spec.grid)) == list(spec.grid)
    prob = a_map(classes, target, shape)
    for maps in (prob, prob.astype(np.float16), np.zeros_like(prob), np.ones_like(prob)):
        expected = mask_of(maps, target)
        found = mask_of(maps, target, (spec.off(classes),))
        assert np.array_equal(found, expected)
        assert found.dtype == expected.dtype == np.int64


@EVERY
def test_a_step_changes_its_class_alone(name: str, classes: int, target: Target) -> None:
    prob = a_map(classes, target)
    before = mask_of(prob, target)
    kept = prob.copy()
    changed = 0
    for number, step in fitted(name, classes):
        after = mask_of(prob, target, (step,))
        changed += not np.array_equal(before, after)
        if target == "multi_label":
            assert not np.any((before ^ after) & ~(1 << (number - 1)))
        elif name == "bias":  # another class takes over where this one becomes less probable
            here = before != after
            assert np.all((before[here] == number) | (after[here] == number))
        else:
            assert {*before[before != after], *after[before != after]} <= {0, number}
    assert changed, "no value of the grid has an effect here, so this test would prove nothing"
    assert np.array_equal(prob, kept)
    assert np.array_equal(before, mask_of(prob, target))


@EVERY
def test_a_flipped_image_has_the_flipped_mask(name: str, classes: int, target: Target) -> None:
    prob = a_map(classes, target)
    for _, step in fitted(name, classes):
        mask = mask_of(prob, target, (step,))
        for move in (np.fliplr, np.flipud, np.transpose):
            moved = np.stack([move(prob_HW) for prob_HW in prob])
            assert np.array_equal(mask_of(moved, target, (step,)), move(mask)), (step, move)


@EVERY
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1)])
def test_small_and_flat_images(name: str, classes: int, target: Target, shape: Any) -> None:
    prob = a_map(classes, target, shape)
    most = classes - 1 if target == "single_label" else (1 << (classes - 1)) - 1
    for maps in (prob, np.zeros_like(prob), np.ones_like(prob)):
        for _, step in fitted(name, classes):
            mask = mask_of(maps, target, (step,))
            assert mask.shape == shape
            assert 0 <= mask.min() <= mask.max() <= most


@EVERY
def test_masks_keep_their_dtype(name: str, classes: int, target: Target) -> None:
    prob = a_map(classes, target)
    mask = mask_of(prob, target)
    for dtype in (np.uint16, np.int64) if classes > 9 else (np.uint8, np.uint16, np.int64):
        for _, step in fitted(name, classes)[:3] + fitted(name, classes)[-1:]:
            found = applied(step, prob, mask.astype(dtype), target)
            assert found.dtype == dtype
            assert np.array_equal(found, applied(step, prob, mask, target))


REMOVING = ("threshold", "presence", "smallest_area")
"""Steps of which a greater value removes more; of the others it leaves or adds more. A 0 that means
off is left out there."""


@EVERY
def test_areas_rise_or_fall_with_the_value(name: str, classes: int, target: Target) -> None:
    areas: dict[int, list[int]] = {}
    for number, step in fitted(name, classes):
        off = name in ("largest_components", "quantile") and not any(step.at)
        if name in WITHOUT_VALUES or off:
            continue
        mask = mask_of(a_map(classes, target), target, (step,))
        areas.setdefault(number, []).append(int(layer(mask, number, target).sum()))
    for found in areas.values():
        assert found == sorted(found, reverse=name in REMOVING)


def test_steps_are_applied_in_one_order_however_they_are_listed() -> None:
    prob = a_map(3, "single_label", (40, 40))
    steps = (
        BiasStep(at=(0.5, -0.5)), FillHolesStep(at=(1, 1)), LargestComponentsStep(at=(2, 1)),
        InsideStep(inner=2, outer=1),
    )  # fmt: skip
    expected = mask_of(prob, "single_label")
    for step in steps:
        expected = applied(step, prob, expected, "single_label")
    for listed in (steps, steps[::-1], (*steps[2:], *steps[:2])):
        assert np.array_equal(mask_of(prob, "single_label", listed), expected)


def test_thresholds_of_float16_maps_are_not_rounded() -> None:
    """The float16 next to .35 is .35009766, which is over .35."""
    prob = np.array([[[0.35]]], np.float16)
    assert mask_of(prob, "multi_label", (ThresholdStep(at=(0.35,)),)).tolist() == [[1]]


def test_tensors_need_no_steps() -> None:
    prob = torch.from_numpy(a_map(2, "single_label"))
    assert torch.equal(mask_of(prob, "single_label"), prob.argmax(0))
    with pytest.raises(AssertionError):
        mask_of(prob, "single_label", (ThresholdStep(at=(0.4,)),))
