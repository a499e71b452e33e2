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


def _auc(first: np.ndarray, second: np.ndarray, groups: np.ndarray) -> float:
    origin = np.repeat([0, 1], [len(first), len(second)])
    return shift_auc(np.concatenate([first, second]), origin, groups)


def test_alike_sets_are_near_a_half_and_moved_ones_near_one() -> None:
    rng = np.random.default_rng(0)
    first, second, groups = rng.normal(size=(90, 6)), rng.normal(size=(70, 6)), np.arange(160)
    assert 0.35 < _auc(first, second, groups) < 0.65
    assert _auc(first, second + np.array([0, 0, 3, 0, 0, 0]), groups) > 0.95


@pytest.mark.slow
def test_images_of_a_group_do_not_give_each_other_away() -> None:
    # Each video has a look of its own; which set it is in says nothing.
    rng = np.random.default_rng(0)
    looks = np.repeat(rng.normal(size=(60, 3)), 20, axis=0) + rng.normal(size=(1200, 3)) / 50
    videos = np.repeat(np.arange(60), 20)
    assert _auc(looks[:600], looks[600:], np.arange(1200)) > 0.95
    assert _auc(looks[:600], looks[600:], videos) < 0.7


def test_too_few_groups_say_nothing() -> None:
    assert np.isnan(_auc(np.zeros((9, 3)), np.zeros((40, 3)), np.arange(49) // 3))
