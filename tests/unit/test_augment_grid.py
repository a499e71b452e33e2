"""Image and mask move as one, proved on a grid: the image tells where each pixel came from.

Its channels hold x, y and a constant that is smaller where something comes from outside; the mask
holds the number of an 8x8 block. After a move, the block that the moved image's coordinates lie in
must be the moved mask's label.
"""

from typing import Any, get_args

import numpy as np
import pytest
from pydantic import TypeAdapter

from raytrain.config.augmentation import (
    AugmentationSpec,
    OneOfSpec,
    SpatialTransform,
    TransformSpec,
)
from raytrain.data.augment import PRESETS, augmented, build_augmentation

BLOCK = 8
DRAWS = range(12)
SQUARE, WIDE = (64, 64), (64, 96)
SQUARE_ONLY = {"Transpose", "RandomRotate90", "D4"}
STRONG: list[dict[str, Any]] = [
    {"name": "Rotate", "limit": [-180, 180]},
    {"name": "Affine", "rotate": [-180, 180], "scale": [0.5, 2.0], "shear": [-20, 20]},
    {"name": "Affine", "translate_percent": [-0.4, 0.4]},
    {"name": "Perspective", "scale": [0.2, 0.3]},
    {"name": "ElasticTransform", "alpha": 60, "sigma": 6},
    {"name": "OpticalDistortion", "distort_limit": [-0.5, 0.5], "mode": "fisheye"},
]
BORDERS = ["reflect_101", "reflect", "replicate", "constant"]
MOVES = [
    *({"name": spec.model_fields["name"].default} for spec in get_args(SpatialTransform)),
    *({**move, "border_mode": border} for move in STRONG for border in BORDERS),
]
CASES = [
    (size, move)
    for size in (SQUARE, WIDE)
    for move in MOVES
    if size == SQUARE or move["name"] not in SQUARE_ONLY
]


def _grid(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    height, width = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    image_HWC = np.stack([x, y, np.full_like(x, max(size))], axis=-1)
    return image_HWC, _block(x, y, width)


def _block(x: np.ndarray, y: np.ndarray, width: int) -> np.ndarray:
    """Number of the block that holds the nearest pixel, from 1 on; 0 is the background."""
    column, row = (np.rint(place).astype(int) // BLOCK for place in (x, y))
    return (1 + row * (width // BLOCK) + column).astype(np.uint8)


def _from_edge(place: np.ndarray) -> np.ndarray:
    """Distance from the next border between two blocks."""
    return abs((place - (BLOCK - 0.5) + BLOCK / 2) % BLOCK - BLOCK / 2)


def _agreement(spec: AugmentationSpec, size: tuple[int, int], seed: int, margin: float) -> float:
    """Share of the pixels farther than `margin` from a border whose label is the right one."""
    state = np.random.SeedSequence([1, seed])
    image_HWC, mask_HW = augmented(build_augmentation(spec), *_grid(size), state)
    x, y, there = np.moveaxis(image_HWC, -1, 0)
    inside = there > max(size) * (1 - 1e-5)
    clear = inside & (_from_edge(x) > margin) & (_from_edge(y) > margin)
    assert clear.sum() > 200
    right = mask_HW == _block(x, y, size[1])
    return float(right[clear].mean())


@pytest.mark.parametrize(("size", "move"), CASES)
def test_a_transform_takes_the_mask_along(size: tuple[int, int], move: dict[str, Any]) -> None:
    transform = TypeAdapter(TransformSpec).validate_python({**move, "p": 1.0})
    for seed in DRAWS:
        # One resampling: nearest neighbour is the pixel that the coordinates round to.
        assert _agreement((transform,), size, seed, margin=0.05) == 1.0, f"seed {seed}"


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_takes_the_mask_along(preset: str) -> None:
    kinds = (OneOfSpec, SpatialTransform)
    spatial = tuple(step for step in PRESETS[preset] if isinstance(step, kinds))
    once = sum("border_mode" in type(step).model_fields for step in spatial) < 2
    for seed in DRAWS:
        if once:
            assert _agreement(spatial, SQUARE, seed, margin=0.05) == 1.0, f"seed {seed}"
        else:  # Nearest of nearest may be up to a pixel off.
            assert _agreement(spatial, SQUARE, seed, margin=1.0) >= 0.999, f"seed {seed}"


def test_the_grid_sees_a_mask_that_stays_behind() -> None:
    image_HWC, mask_HW = _grid(SQUARE)
    x, y, _ = np.moveaxis(image_HWC, -1, 0)
    np.testing.assert_array_equal(_block(x, y, 64), mask_HW)
    assert (_block(x[:, ::-1], y, 64) == mask_HW).mean() == 0
    # A shift of one pixel is wrong in one column of eight.
    behind = _block(np.roll(x, 1, axis=1), y, 64) != mask_HW
    assert behind.mean() == 1 / 8


@pytest.mark.parametrize("name", [move["name"] for move in STRONG])
def test_what_comes_from_outside_is_background_when_constant(name: str) -> None:
    [move] = [move for move in STRONG if move["name"] == name][-1:]
    case = {**move, "border_mode": "constant", "p": 1.0}
    augment = build_augmentation((TypeAdapter(TransformSpec).validate_python(case),))
    seen = 0
    for seed in range(60):
        image_HWC, mask_HW = augmented(augment, *_grid(SQUARE), np.random.SeedSequence([1, seed]))
        outside = image_HWC[..., 2] < 1e-3
        assert not mask_HW[outside].any()
        assert mask_HW[image_HWC[..., 2] > 64 * (1 - 1e-5)].all()
        seen += int(outside.sum())
    assert seen or name == "Perspective"  # which only looks at the image's inside


@pytest.mark.parametrize("border", [border for border in BORDERS if border != "constant"])
def test_what_comes_from_outside_is_the_image_itself_otherwise(border: str) -> None:
    turn = {"name": "Rotate", "limit": [30, 60], "border_mode": border, "p": 1.0}
    augment = build_augmentation((TypeAdapter(TransformSpec).validate_python(turn),))
    image_HWC, mask_HW = augmented(augment, *_grid(SQUARE), np.random.SeedSequence(0))
    np.testing.assert_allclose(image_HWC[..., 2], 64, rtol=1e-5)
    assert mask_HW.all()
