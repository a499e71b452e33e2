"""Simple statistics and what they tell of two sets."""

import numpy as np
import pytest

from raytrain.data.shift import shift_auc, simple_statistics


def test_the_statistics_of_a_ramp_by_hand() -> None:
    ramp = np.tile(np.arange(5, dtype=np.uint8), (4, 1))[..., None]
    found = simple_statistics(ramp)
    assert found[:5] == pytest.approx([4, 5, 2, np.sqrt(2), 0], abs=1e-12)
    assert found[5:12] == pytest.approx(
        np.quantile([0, 1, 2, 3, 4] * 4, (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99))
    )
    # Sobel's kernel weighs a slope of one by eight; at the two mirrored borders it sees none.
    assert found[12] == pytest.approx(8 * 3 / 5)
    assert len(found) == 13


def test_channels_have_means_of_their_own() -> None:
    image = np.zeros((3, 3, 2), np.float32)
    image[..., 1] = 8
    found = simple_statistics(image)
    assert found[-2:].tolist() == [0, 8]
    assert np.isfinite(found).all()


@pytest.mark.parametrize("seed", range(3))
def test_alike_sets_are_near_a_half_and_moved_ones_near_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(150, 6)), rng.normal(size=(120, 6))
    assert 0.35 < shift_auc(first, second, 0) < 0.65
    assert shift_auc(first, second + np.array([0, 0, 3, 0, 0, 0]), 0) > 0.95
    assert shift_auc(first, second, 0) == shift_auc(first, second, 0)


def test_too_few_images_say_nothing() -> None:
    assert np.isnan(shift_auc(np.zeros((9, 3)), np.zeros((40, 3)), 0))
