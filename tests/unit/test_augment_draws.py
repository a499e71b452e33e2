"""Draws: a state alone decides them, and every transform and choice draws by itself."""

import random
from collections import Counter
from itertools import pairwise
from typing import Any

import albumentations as alb
import cv2
import numpy as np
import pytest
from pydantic import TypeAdapter

from raytrain.config.augmentation import AugmentationSpec
from raytrain.data.augment import PRESETS, TRANSFORMS, augmented, build_augmentation

DRAWS = range(40)
IMAGE = np.random.default_rng(0).integers(0, 256, (56, 56, 1)).astype(np.uint8)
MASK = np.kron(np.arange(49).reshape(7, 7), np.ones((8, 8))).astype(np.uint8)
NESTED = [
    "slices",
    {"name": "OneOf", "p": 0.7, "transforms": [{"name": "Rotate"}, {"name": "Blur", "p": 0.3}]},
    {"name": "ElasticTransform", "alpha": 30, "sigma": 4},
]

ALONE = [[{"name": name}] for name in TRANSFORMS]


def _built(value: Any) -> alb.Compose:
    return build_augmentation(TypeAdapter(AugmentationSpec).validate_python(value))


def _drawn(augment: alb.Compose, image: np.ndarray, mask: np.ndarray, seed: int) -> tuple:
    return augmented(augment, image, mask, np.random.SeedSequence([3, seed]))


@pytest.mark.parametrize("value", [*PRESETS, NESTED, *ALONE], ids=str)
def test_a_state_decides_the_draw(value: Any) -> None:
    first, second = _built(value), _built(value)
    there = [_drawn(first, IMAGE, MASK, seed) for seed in DRAWS]
    back = {}
    for seed in reversed(DRAWS):
        # Neither what came before nor the process's own generators matter.
        np.random.seed(seed)
        random.seed(seed)
        cv2.setRNGSeed(seed)
        back[seed] = _drawn(second, IMAGE, MASK, seed)
    for seed, (moved_image, moved_mask) in zip(DRAWS, there, strict=True):
        np.testing.assert_array_equal(moved_image, back[seed][0])
        np.testing.assert_array_equal(moved_mask, back[seed][1])
    # An Affine without parameters moves nothing, and a flip of system B always happens.
    if value not in ("none", [{"name": "Affine"}]) and not str(value).endswith("_flip"):
        assert any(a[0].tobytes() != b[0].tobytes() for a, b in pairwise(there))


def test_transforms_and_choices_are_drawn_independently() -> None:
    choice = {"name": "OneOf", "transforms": [{"name": "VerticalFlip"}, {"name": "InvertImg"}]}
    augment = _built([{"name": "HorizontalFlip"}, choice])
    image = np.array([[[0], [10]], [[20], [200]]], np.uint8)
    counts: Counter[bytes] = Counter()
    for seed in range(800):
        counts[_drawn(augment, image, image[..., 0], seed)[0].tobytes()] += 1
    for start in (image, image[:, ::-1]):
        for outcome, share in ((start, 1 / 4), (start[::-1], 1 / 8), (255 - start, 1 / 8)):
            # Within 4 standard deviations of what independent draws give.
            spread = 4 * (800 * share * (1 - share)) ** 0.5
            assert abs(counts.pop(outcome.tobytes()) - 800 * share) < spread
    assert not counts


def test_equal_transforms_draw_different_numbers() -> None:
    turn = {"name": "Rotate", "p": 1.0}
    choice = {"name": "OneOf", "p": 1.0, "transforms": [turn]}
    augment = _built([turn, turn, choice])
    first, second, one_of = augment.transforms
    angles = []
    for seed in range(200):
        _drawn(augment, IMAGE, MASK, seed)
        found = (turn.get_applied_params() for turn in (first, second, one_of.transforms[0]))
        angles.append([float(np.arcsin(params["matrix"][0, 1])) for params in found])
    assert np.std(angles) > 0.7
    assert abs(np.corrcoef(np.array(angles).T) - np.eye(3)).max() < 0.25


def test_what_is_chosen_seldom_is_drawn_from_its_whole_range() -> None:
    # Were a child to draw the number again that let it in, it would turn one way only.
    turn = {"name": "Rotate", "p": 1.0}
    augment = _built([{"name": "OneOf", "p": 0.2, "transforms": [turn]}])
    [[rotate]] = [choice.transforms for choice in augment.transforms]
    angles = []
    for seed in range(300):
        moved, _ = _drawn(augment, IMAGE, MASK, seed)
        if not np.array_equal(moved, IMAGE):
            angles.append(float(np.arcsin(rotate.get_applied_params()["matrix"][0, 1])))
    assert 35 < len(angles) < 85
    assert abs(np.mean(angles)) < 0.5
    assert min(angles) < -1.2 < 1.2 < max(angles)
