"""Augmentation presets: image and mask move as one, masks stay label images."""

from typing import Any

import albumentations as alb
import cv2
import numpy as np
import pytest
from pydantic import TypeAdapter

from raytrain.config.augmentation import AugmentationSpec, OneOfSpec, SpatialTransform
from raytrain.data.augment import PRESETS, augmented, build_augmentation, steps_of

DRAWS = range(40)
SPATIAL = (OneOfSpec, SpatialTransform)
MOVING = [name for name, steps in PRESETS.items() if any(isinstance(s, SPATIAL) for s in steps)]
CHANGING = [name for name in PRESETS if name != "none"]


def _spec(value: Any) -> AugmentationSpec:
    return TypeAdapter(AugmentationSpec).validate_python(value)


def _labels() -> np.ndarray:
    """Blobs of 0, 2 and 7 on 56x56: between them lie values that no pixel has."""
    mask = np.zeros((56, 56), np.uint8)
    cv2.ellipse(mask, (20, 20), (14, 10), 30, 0, 360, 7, -1)
    cv2.ellipse(mask, (38, 34), (9, 14), 0, 0, 360, 2, -1)
    mask[44:, :12] = 7
    return mask


def _noise(channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (56, 56, channels)).astype(np.uint8)


def _drawn(augment: alb.Compose, image: np.ndarray, mask: np.ndarray, seed: int) -> tuple:
    return augmented(augment, image, mask, np.random.SeedSequence([3, seed]))


def _inside(mask: np.ndarray) -> np.ndarray:
    """Pixels off the rim that see but one label around them, where interpolation cannot mix."""
    kernel = np.ones((5, 5), np.uint8)
    same = cv2.dilate(mask, kernel) == cv2.erode(mask, kernel)
    same[[0, 1, -2, -1]] = same[:, [0, 1, -2, -1]] = False
    return same


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("preset", MOVING)
def test_an_image_of_the_mask_stays_the_image_of_the_mask(preset: str, channels: int) -> None:
    mask = _labels()
    augment = build_augmentation(tuple(s for s in steps_of(preset) if isinstance(s, SPATIAL)))
    image = np.repeat(mask[..., None] * 30, channels, 2)
    for seed in DRAWS:
        moved_image, moved_mask = _drawn(augment, image, mask, seed)
        inside = _inside(moved_mask)
        assert inside.mean() > 0.4
        expected = moved_mask[inside].astype(int) * 30
        for channel in range(channels):
            found = moved_image[..., channel][inside].astype(int)
            # A bend may stretch the blurred rim of a label over more pixels than `inside` allows.
            assert (abs(found - expected) > 2).mean() < 0.005, f"seed {seed}"


ALWAYS_ALIKE = ("system_b_horizontal_flip", "system_b_vertical_flip")


@pytest.mark.parametrize("preset", MOVING)
def test_a_preset_moves_something(preset: str) -> None:
    mask, augment = _labels(), build_augmentation(preset)
    moved = [_drawn(augment, mask[..., None], mask, seed)[1].tobytes() for seed in DRAWS]
    # A flip that always happens has one outcome; a shift happens in one of five draws.
    assert (len(set(moved)) == 1) == (preset in ALWAYS_ALIKE)
    share = np.mean([one != mask.tobytes() for one in moved])
    assert share > (0.1 if preset == "system_b_shift" else 0.3)
    # It stays the same scene: no draw loses most of a label.
    for one in moved:
        areas = np.bincount(np.frombuffer(one, np.uint8), minlength=8)
        for label in (2, 7):
            assert areas[label] > 0.4 * (mask == label).sum()


@pytest.mark.parametrize("preset", [name for name in CHANGING if name not in MOVING])
def test_other_presets_leave_the_mask_alone(preset: str) -> None:
    mask, image, augment = _labels(), _noise(1), build_augmentation(preset)
    moved = [_drawn(augment, image, mask, seed) for seed in DRAWS]
    assert all(np.array_equal(one, mask) for _, one in moved)
    assert not any(np.array_equal(one, image) for one, _ in moved)
    assert len({one.tobytes() for one, _ in moved}) == len(moved)


def test_none_is_the_identity() -> None:
    mask, image, augment = _labels(), _noise(3), build_augmentation("none")
    for seed in DRAWS:
        same_image, same_mask = _drawn(augment, image, mask, seed)
        np.testing.assert_array_equal(same_image, image)
        np.testing.assert_array_equal(same_mask, mask)


def test_flips_are_exact_flips() -> None:
    mask, augment = _labels()[:48], build_augmentation("flips")
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


def test_a_list_is_its_parts_one_after_the_other() -> None:
    mirror = {"name": "HorizontalFlip", "p": 1.0}
    value = ["flips", mirror, {"name": "OneOf", "transforms": [mirror]}]
    steps = steps_of(_spec(value))
    assert steps[:2] == list(PRESETS["flips"])
    assert [step.name for step in steps[2:]] == ["HorizontalFlip", "OneOf"]
    always = build_augmentation(_spec(["none", mirror]))
    mask, image = _labels(), _noise(3)
    moved_image, moved_mask = _drawn(always, image, mask, 0)
    np.testing.assert_array_equal(moved_image, image[:, ::-1])
    np.testing.assert_array_equal(moved_mask, mask[:, ::-1])


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("preset", PRESETS)
def test_images_keep_their_form_and_their_mood(preset: str, channels: int) -> None:
    mask, image, augment = _labels(), _noise(channels), build_augmentation(preset)
    for seed in DRAWS:
        moved, _ = _drawn(augment, image, mask, seed)
        assert moved.shape == image.shape
        assert moved.dtype == np.uint8
        # Gray-value changes are mild: neither black nor burnt out.
        assert 0.25 * image.mean() < moved.mean() < 1.75 * image.mean()
