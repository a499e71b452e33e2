"""Distances between borders: by hand, and against SciPy."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist, directed_hausdorff

from raytrain.config.metrics import HausdorffMetricSpec
from raytrain.metrics import image_figures
from raytrain.metrics.distance import border
from raytrain.metrics.evidence import label_maps


def _distance(spec: HausdorffMetricSpec, pred: np.ndarray, true: np.ndarray) -> float:
    """Of class 1 of two."""
    return float(
        image_figures((spec,), label_maps(np.eye(2)[pred].T, pred, true, target="single_label"))[
            0, 1
        ]
    )


def _points(shape: tuple[int, int], *places: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, np.int64)
    for place in places:
        mask[place] = 1
    return mask


@pytest.mark.parametrize(
    ("pred", "true", "values", "expected"),
    [
        ([(0, 0)], [(3, 4)], {}, 5.0),
        ([(2, 2)], [(2, 2)], {}, 0.0),
        ([(0, 0), (5, 0)], [(0, 0)], {}, 5.0),
        ([(0, 0)], [(0, 0), (5, 0)], {}, 5.0),
        # Distances 0 and 5 one way, 0 the other: halfway between them lies 2.5.
        ([(0, 0), (5, 0)], [(0, 0)], {"percentile": 50}, 2.5),
        ([], [(1, 1)], {}, 13.0),
        ([(1, 1)], [], {}, 13.0),
        ([(1, 1)], [], {"one_empty": 99}, 99.0),
        ([(1, 1)], [], {"one_empty": "skip"}, math.nan),
        ([], [], {}, 0.0),
        ([], [], {"both_empty": 7}, 7.0),
        ([], [], {"both_empty": "skip"}, math.nan),
    ],
)
def test_distances_worked_by_hand(
    pred: list[tuple[int, int]], true: list[tuple[int, int]], values: Any, expected: float
) -> None:
    shape = (12, 5)
    found = _distance(HausdorffMetricSpec(**values), _points(shape, *pred), _points(shape, *true))
    assert found == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("seed", range(6))
def test_distances_are_those_of_scipy_between_the_borders(seed: int) -> None:
    rng = np.random.default_rng(seed)
    yx = np.stack(np.indices((31, 23)), -1)
    blobs = [
        (np.linalg.norm(yx - rng.uniform(5, 18, 2), axis=-1) < rng.uniform(2, 8)).astype(np.int64)
        for _ in range(2)
    ]
    pred, true = (np.argwhere(border(blob == 1)) for blob in blobs)
    both = directed_hausdorff(pred, true)[0], directed_hausdorff(true, pred)[0]
    assert _distance(HausdorffMetricSpec(), *blobs) == pytest.approx(max(both))
    apart = cdist(pred, true)
    expected = max(np.percentile(apart.min(axis), 95) for axis in (0, 1))
    assert _distance(HausdorffMetricSpec(percentile=95), *blobs) == pytest.approx(expected)


def test_the_border_of_a_mask() -> None:
    mask = np.zeros((5, 6), bool)
    mask[1:4, 0:4] = True
    expected = mask.copy()
    expected[2, 1:3] = False  # the image's left edge is a border, too
    np.testing.assert_array_equal(border(mask), expected)
