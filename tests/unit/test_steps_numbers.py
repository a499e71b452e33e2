"""What each step does: tables worked out by hand, and scipy as the independent reference."""

from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import ConvexHull

from raytrain.config.steps import (
    BiasStep,
    FillHolesStep,
    InsideStep,
    LargestComponentsStep,
    PresenceStep,
    QuantileStep,
    SmallestAreaStep,
    ThresholdStep,
)
from raytrain.config.target import Target, layer
from raytrain.metrics.decide import mask_of
from tests.step_maps import a_map, applied

EIGHT = np.ones((3, 3))


def apply(step: Any, mask: Any, target: Target = "single_label", prob: Any = None) -> Any:
    """The mask after the step; the map may be left out where it does not matter."""
    mask = np.asarray(mask)
    prob = np.full((4, *mask.shape), 0.25, np.float32) if prob is None else prob
    prob = prob if step.name == "inside" else prob[: len(step.at) + (target == "single_label")]
    return applied(step, prob, mask, target)


ROW = np.array([[0.2, 0.4, 0.5, 0.6, 0.9]], np.float32)
BY_HAND = [
    (ThresholdStep(at=(0.4,)), [0, 0, 1, 1, 1]),
    (ThresholdStep(at=(0.85,)), [0, 0, 0, 0, 1]),
    (QuantileStep(at=(0.2,)), [0, 0, 0, 0, 1]),
    (QuantileStep(at=(0.8,)), [0, 1, 1, 1, 1]),
    (QuantileStep(at=(0.35,)), [0, 0, 0, 1, 1]),  # 1.75 pixels
    (QuantileStep(at=(0.05,)), [0, 0, 0, 0, 0]),  # a quarter of a pixel
    (PresenceStep(at=(1.5,)), [0, 0, 0, 1, 1]),  # .6 + .9
    (PresenceStep(at=(1.51,)), [0, 0, 0, 0, 0]),
]


@pytest.mark.parametrize(("step", "expected"), BY_HAND)
def test_values_against_probabilities_by_hand(step: Any, expected: list[int]) -> None:
    assert mask_of(np.stack([1 - ROW, ROW]), "single_label", (step,)).tolist() == [expected]
    assert mask_of(ROW[None], "multi_label", (step,)).tolist() == [expected]


def test_ties_with_the_last_pixel_of_a_quantile_belong_to_it_unless_they_are_0() -> None:
    for row, share, expected in (
        ([0.1, 0.7, 0.7, 0.7, 0.2], 0.2, [0, 1, 1, 1, 0]),
        ([0.0, 0.7, 0.0, 0.0, 0.0], 0.6, [0, 1, 0, 0, 0]),
    ):
        prob = np.array([[row]], np.float32)
        assert mask_of(prob, "multi_label", (QuantileStep(at=(share,)),)).tolist() == [expected]


def test_bias_by_hand_and_as_a_sum_of_logs() -> None:
    prob = np.array([[0.5, 0.5, 0.6], [0.3, 0.2, 0.3], [0.2, 0.3, 0.1]], np.float32)[:, None]
    # e^.75 = 2.117: .635 .423 .635 of class 1 exceed .5 .5 .6; e^.5 = 1.649: .330 .495 .165.
    assert mask_of(prob, "single_label", (BiasStep(at=(0.75, 0.5)),)).tolist() == [[1, 0, 1]]
    assert mask_of(prob, "single_label", (BiasStep(at=(-2, 0.75)),)).tolist() == [[0, 2, 0]]
    maps = a_map(4, "single_label", seed=1)
    maps[1, :9], maps[3, 5:12] = 0, 0  # log 0
    with np.errstate(divide="ignore"):
        logs = np.log(maps.astype(np.float64)) + np.array([0, -1, 0.25, 2])[:, None, None]
    found = mask_of(maps, "single_label", (BiasStep(at=(-1, 0.25, 2)),))
    assert np.array_equal(found, logs.argmax(0))


COMPONENTS = np.array(
    [
        [1, 1, 0, 0, 2],
        [0, 0, 1, 0, 2],
        [0, 0, 0, 0, 0],
        [1, 0, 1, 1, 0],
        [0, 2, 0, 0, 2],
    ]
)
"""Class 1: components of 3 (8-connected), 1 and 2 px; class 2: of 2, 1 and 1 px."""


def test_components_by_hand() -> None:
    area = apply(SmallestAreaStep(at=(2, 0)), COMPONENTS)
    assert area.tolist() == [*COMPONENTS[:3].tolist(), [0, 0, 1, 1, 0], [0, 2, 0, 0, 2]]
    area = apply(SmallestAreaStep(at=(3, 2)), COMPONENTS)
    assert area.tolist() == [*COMPONENTS[:3].tolist(), [0] * 5, [0] * 5]
    largest = apply(LargestComponentsStep(at=(1, 0)), COMPONENTS)
    assert largest.tolist() == [*COMPONENTS[:3].tolist(), [0] * 5, [0, 2, 0, 0, 2]]
    # Of the two pixels of class 2, the first one stays, unless the other one is more probable.
    largest = apply(LargestComponentsStep(at=(0, 2)), COMPONENTS)
    assert largest[4].tolist() == [0, 2, 0, 0, 0]
    prob = np.full((3, 5, 5), 0.3, np.float32)
    prob[2, 4, 4] = 0.4
    largest = apply(LargestComponentsStep(at=(0, 2)), COMPONENTS, prob=prob)
    assert largest[4].tolist() == [0, 0, 0, 0, 2]


RING = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1],
        [1, 0, 2, 2, 2, 0, 1],
        [1, 0, 2, 0, 2, 0, 1],
        [1, 0, 2, 2, 2, 0, 1],
        [1, 1, 1, 1, 1, 1, 0],
        [0, 0, 0, 0, 0, 0, 0],
    ]
)
"""Class 2 with a hole of one pixel, in a ring of class 1."""


def test_holes_by_hand() -> None:
    filled = RING.copy()
    filled[1:4, [1, 5]] = 1
    assert np.array_equal(apply(FillHolesStep(at=(0, 1)), RING)[2], [1, 0, 2, 2, 2, 0, 1])
    outer = apply(FillHolesStep(at=(1, 0)), RING)
    assert outer[2].tolist() == [1, 1, 2, 1, 2, 1, 1]
    # The pixel in the middle lies in holes of both classes; the smaller one is class 2's.
    filled[2, 3] = 2
    assert np.array_equal(apply(FillHolesStep(at=(1, 1)), RING), filled)
    other = np.array([0, 2, 1])[RING]
    assert np.array_equal(apply(FillHolesStep(at=(1, 1)), other), np.array([0, 2, 1])[filled])
    bits = apply(FillHolesStep(at=(1, 0)), RING, "multi_label")
    assert bits[:4, 1:6].tolist() == [[1] * 5, [1, 3, 3, 3, 1], [1, 3, 1, 3, 1], [1, 3, 3, 3, 1]]


def test_inside_by_hand() -> None:
    mask = np.array([[2, 1, 2, 1, 0], [2, 2, 2, 2, 2], [0, 1, 2, 0, 2]])
    step = InsideStep(inner=2, outer=1)
    # The hull has the corners (0, 1), (0, 3) and (2, 1); (2, 2) and (1, 3) are outside.
    expected = [[0, 1, 2, 1, 0], [0, 2, 2, 0, 0], [0, 1, 0, 0, 0]]
    assert apply(step, mask).tolist() == expected
    assert apply(step, np.where(mask == 1, 0, mask)).tolist() == np.zeros((3, 5), int).tolist()
    # A hull that is a line, with the class beyond its ends, and one that is a point.
    line = np.array([[2, 0, 0, 0], [0, 1, 0, 0], [0, 0, 2, 2], [0, 0, 0, 1]])
    expected = [[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]]
    assert apply(step, line).tolist() == expected
    bits = np.array([[2, 3, 2], [0, 0, 4]])
    assert apply(step, bits, "multi_label").tolist() == [[0, 3, 0], [0, 0, 4]]


def random_masks(target: Target) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    masks = []
    for share in (0.2, 0.4, 0.6, 0.8):
        values = rng.integers(1, 4 if target == "single_label" else 8, (25, 31))
        masks.append(np.where(rng.random(values.shape) < share, values, 0))
    return masks


@pytest.mark.parametrize("target", ["single_label", "multi_label"])
def test_components_holes_and_hulls_are_those_of_scipy(target: Target) -> None:
    for mask in random_masks(target):
        for k in (1, 2, 3):
            class_HW = layer(mask, k, target)
            labels, count = ndimage.label(class_HW, EIGHT)
            areas = np.bincount(labels.ravel())[labels] * class_HW
            for step, expected in (
                (SmallestAreaStep.off(4).tried(k, 3), areas >= 3),
                (FillHolesStep.off(4).tried(k, 1), ndimage.binary_fill_holes(class_HW)),
            ):
                if target == "single_label":
                    expected &= class_HW | (mask == 0)
                found = apply(step, mask, target)
                assert np.array_equal(layer(found, k, target), expected)
            found = apply(LargestComponentsStep.off(4).tried(k, 2), mask, target)
            kept, number = ndimage.label(layer(found, k, target), EIGHT)
            sizes = sorted(np.bincount(labels.ravel())[1:])[-2:]
            assert number == min(count, 2)
            assert sorted(np.bincount(kept.ravel())[1:]) == sizes
            outer = layer(mask, k % 3 + 1, target)
            outer[:4], outer[:, 20:] = False, False
            planes = ConvexHull(np.argwhere(outer)).equations
            points = np.indices(mask.shape).reshape(2, -1)
            hull = (planes[:, :2] @ points + planes[:, 2:] < 1e-9).all(0).reshape(mask.shape)
            pair = outer * 1 + (class_HW & ~outer) * 2
            found = apply(InsideStep(inner=2, outer=1), pair)
            assert np.array_equal(found == 2, class_HW & ~outer & hull)
