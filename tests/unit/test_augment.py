"""Augmentation: image and mask move as one, masks stay label images, every preset in the dict."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from albumentations import Compose, DualTransform

from raytrain.data.augment import PRESETS, build_augmentation

DRAWS = range(40)
MOVING = [preset for preset in PRESETS if preset != "none"]


def _labels() -> np.ndarray:
    """Blobs of 0, 2 and 7 on 48x56: between them lie values that no pixel has."""
    mask = np.zeros((48, 56), np.uint8)
    cv2.ellipse(mask, (20, 18), (14, 10), 30, 0, 360, 7, -1)
    cv2.ellipse(mask, (38, 30), (9, 14), 0, 0, 360, 2, -1)
    mask[40:, :12] = 7
    return mask


def _geometric(preset: str) -> Compose:
    """The preset without what changes gray values only."""
    return Compose([move for move in PRESETS[preset]() if isinstance(move, DualTransform)])


def _drawn(augment: Compose, image: np.ndarray, mask: np.ndarray, seed: int) -> tuple:
    augment.set_random_seed(seed)
    moved = augment(image=image, mask=mask)
    return moved["image"], moved["mask"]


def _inside(mask: np.ndarray) -> np.ndarray:
    """Pixels off the rim that see but one label around them, where interpolation cannot mix."""
    kernel = np.ones((5, 5), np.uint8)
    same = cv2.dilate(mask, kernel) == cv2.erode(mask, kernel)
    same[[0, 1, -2, -1]] = same[:, [0, 1, -2, -1]] = False
    return same


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("preset", PRESETS)
def test_an_image_of_the_mask_stays_the_image_of_the_mask(preset: str, channels: int) -> None:
    mask, augment = _labels(), _geometric(preset)
    image = np.repeat(mask[..., None] * 30, channels, 2)
    for seed in DRAWS:
        moved_image, moved_mask = _drawn(augment, image, mask, seed)
        inside = _inside(moved_mask)
        assert inside.mean() > 0.4
        expected = moved_mask[inside].astype(int) * 30
        for channel in range(channels):
            found = moved_image[..., channel][inside].astype(int)
            assert abs(found - expected).max() <= 2, f"seed {seed}"


@pytest.mark.parametrize("preset", PRESETS)
def test_coordinates_of_image_and_mask_agree(preset: str) -> None:
    # Image and mask both tell where each pixel came from; the mask does so in whole pixels.
    rows, columns = np.mgrid[:48, :56].astype(np.float32)
    for where, steepest in ((rows, 48), (columns, 56)):
        augment = _geometric(preset)
        for seed in DRAWS:
            image, mask = _drawn(augment, where[..., None] / 64, where.astype(np.uint8), seed)
            gap = abs(image[..., 0] * 64 - mask)
            assert gap.max() <= 1.2, f"seed {seed}"
            assert gap.mean() <= 0.5
            assert mask.max() < steepest


@pytest.mark.parametrize("preset", MOVING)
def test_a_preset_moves_something(preset: str) -> None:
    mask, augment = _labels(), build_augmentation(preset)
    moved = [_drawn(augment, mask[..., None], mask, seed)[1].tobytes() for seed in DRAWS]
    assert len(set(moved)) > 1
    assert sum(one != mask.tobytes() for one in moved) > 0.3 * len(DRAWS)
    # It stays the same scene: no draw loses most of a label.
    for one in moved:
        areas = np.bincount(np.frombuffer(one, np.uint8), minlength=8)
        for label in (2, 7):
            assert areas[label] > 0.4 * (mask == label).sum()


@pytest.mark.parametrize("preset", PRESETS)
def test_masks_get_no_new_values(preset: str) -> None:
    mask, augment = _labels(), build_augmentation(preset)
    image = np.random.default_rng(0).integers(0, 256, (48, 56, 1)).astype(np.uint8)
    for seed in DRAWS:
        _, moved = _drawn(augment, image, mask, seed)
        assert moved.dtype == np.uint8
        assert moved.shape == (48, 56)
        assert set(np.unique(moved)) <= {0, 2, 7}


def test_none_is_the_identity() -> None:
    mask, augment = _labels(), build_augmentation("none")
    image = np.random.default_rng(0).integers(0, 256, (48, 56, 3)).astype(np.uint8)
    for seed in DRAWS:
        same_image, same_mask = _drawn(augment, image, mask, seed)
        np.testing.assert_array_equal(same_image, image)
        np.testing.assert_array_equal(same_mask, mask)


def test_flips_are_exact_flips() -> None:
    mask, augment = _labels(), build_augmentation("flips")
    image = np.arange(48 * 56 * 3, dtype=np.uint32).reshape(48, 56, 3).astype(np.uint8)
    for seed in DRAWS:
        moved_image, moved_mask = _drawn(augment, image, mask, seed)
        hits = [
            np.array_equal(moved_image, image[::down, ::right])
            and np.array_equal(moved_mask, mask[::down, ::right])
            for down in (1, -1)
            for right in (1, -1)
        ]
        assert sum(hits) == 1


@pytest.mark.parametrize("preset", MOVING)
def test_a_seed_decides_the_draw(preset: str) -> None:
    mask = _labels()
    image = np.random.default_rng(0).integers(0, 256, (48, 56, 1)).astype(np.uint8)
    first, second = build_augmentation(preset), build_augmentation(preset)
    _drawn(second, image, mask, 99)
    draws = []
    for seed in DRAWS:
        one, other = (_drawn(augment, image, mask, seed) for augment in (first, second))
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
        draws.append(one[0].tobytes())
    assert any(a != b for a, b in pairwise(draws))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("preset", PRESETS)
def test_images_keep_their_form_and_their_mood(preset: str, channels: int) -> None:
    mask, augment = _labels(), build_augmentation(preset)
    image = np.random.default_rng(0).integers(0, 256, (48, 56, channels)).astype(np.uint8)
    for seed in DRAWS:
        moved, _ = _drawn(augment, image, mask, seed)
        assert moved.shape == image.shape
        assert moved.dtype == np.uint8
        # Gray-value changes are mild: neither black nor burnt out.
        assert 0.25 * image.mean() < moved.mean() < 1.75 * image.mean()
