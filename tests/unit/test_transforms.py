"""Transforms by name: the words are albumentations', and any value that they take is safe."""

import inspect
from collections.abc import Iterator
from typing import Any, get_args

import albumentations as alb
import cv2
import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from raytrain.config.augmentation import GrayTransform, SpatialTransform, TransformSpec
from raytrain.config.augmentation.gray import RandomGammaSpec
from raytrain.config.augmentation.spatial import (
    CoarseDropoutSpec,
    D4Spec,
    RandomRotate90Spec,
    TransposeSpec,
)
from raytrain.data.augment import BORDERS, PRESETS, TRANSFORMS, augmented, build_augmentation

SPECS = get_args(TransformSpec)
SQUARE_ONLY = (TransposeSpec, RandomRotate90Spec, D4Spec)
THREE_CHANNELS = {"CLAHE", "ColorJitter"}

WITHHELD = {
    "interpolation", "mask_interpolation", "fill", "fill_mask",  # decided by this package
    "fit_output", "keep_size",  # would change the size
    "rotate_method", "keypoint_remapping_method",  # for boxes and key points
    "translate_px", "balanced_scale", "approximate", "same_dxdy", "noise_distribution",
    "brightness_by_max", "ensure_safe_range", "mean_range", "per_channel", "noise_scale_factor",
    "tile_grid_size", "method", "kernel_size", "sigma", "blur_limit", "crop_border",
}  # fmt: skip
"""Parameters of albumentations that no spec, or not every spec, offers."""

OURS = {
    "Affine": {"rotate": (0, 0), "scale": (1, 1), "translate_percent": (0, 0), "shear": (0, 0)},
    "CLAHE": {"clip_limit": (1, 4)},  # which is what it means by 4
}


def _name(spec: Any) -> str:
    return spec.model_fields["name"].default


@pytest.mark.parametrize("spec", SPECS, ids=_name)
def test_parameters_and_defaults_are_those_of_albumentations(spec: Any) -> None:
    made = TRANSFORMS[_name(spec)]
    assert made is getattr(alb, _name(spec))
    theirs = {
        key: value.default
        for key, value in inspect.signature(made.__init__).parameters.items()
        if key != "self"
    }
    ours = {key: value for key, value in dict(spec()).items() if key != "name"}
    assert set(ours) <= set(theirs)
    assert set(theirs) - set(ours) <= WITHHELD
    border = ours.pop("border_mode", None)
    assert border in (None, "reflect_101")  # theirs is black, also where there is a mask
    assert ours == {key: theirs[key] for key in ours} | OURS.get(_name(spec), {})


@pytest.mark.parametrize("spec", get_args(SpatialTransform), ids=_name)
def test_masks_are_resampled_by_nearest_neighbour(spec: Any) -> None:
    [built] = build_augmentation((spec(),)).transforms
    assert getattr(built, "mask_interpolation", cv2.INTER_NEAREST) == cv2.INTER_NEAREST
    assert getattr(built, "interpolation", cv2.INTER_LINEAR) == cv2.INTER_LINEAR
    assert getattr(built, "fill_mask", None) in (None, 0)
    if "border_mode" in spec.model_fields:
        for name, border in BORDERS.items():
            [built] = build_augmentation((spec(border_mode=name),)).transforms
            assert built.border_mode == border


def _bounds(schema: dict[str, Any]) -> list[Any]:
    """The outermost values that a parameter may take."""
    if "prefixItems" in schema:
        low, high = _bounds(schema["prefixItems"][0])
        return [(low, low), (low, high), (high, high)]
    if schema["type"] in ("number", "integer"):
        top = schema["maximum"] if "maximum" in schema else schema["exclusiveMaximum"] - 1e-6
        return [schema["minimum"], top]
    return schema.get("enum", [False, True])


def _at_the_bounds(spec: Any) -> Iterator[Any]:
    yield spec(p=1.0)
    for key, schema in spec.model_json_schema()["properties"].items():
        if key not in ("name", "p"):
            for value in _bounds(schema):
                yield spec.model_validate({key: value, "p": 1.0})


def _image(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    values = np.random.default_rng(5).integers(0, 256, shape)
    return values.astype(np.uint8) if dtype == "uint8" else values.astype(np.float32) * 30 - 2000


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("spec", SPECS, ids=_name)
def test_any_value_keeps_sizes_types_and_ranges(spec: Any, dtype: str) -> None:
    for channels in (1, 3) if _name(spec) in THREE_CHANNELS else (1, 3, 5):
        image = _image((33, 33 if issubclass(spec, SQUARE_ONLY) else 48, channels), dtype)
        mask = np.random.default_rng(6).choice([0, 2, 7], image.shape[:2]).astype(np.uint8)
        for transform in _at_the_bounds(spec):
            augment = build_augmentation((transform,))
            for seed in range(2):
                before = image.copy(), mask.copy()
                found = augmented(augment, image, mask, np.random.SeedSequence(seed))
                _same_form_and_range(found, (image, mask), repr(transform))
                assert all(map(np.array_equal, before, (image, mask)))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("spec", SPECS, ids=_name)
def test_a_power_can_follow_any_transform(spec: Any) -> None:
    # A value that left 0 .. 1 by a hair would make it not a number.
    image = np.where(_image((40, 40, 3), "uint8") > 127, 50, -20).astype(np.float32)
    mask = np.zeros((40, 40), np.uint8)
    augment = build_augmentation((spec(p=1.0), RandomGammaSpec(p=1.0)))
    for seed in range(10):
        found = augmented(augment, image, mask, np.random.SeedSequence(seed))
        _same_form_and_range(found, (image, mask), f"seed {seed}")


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_keep_the_range_of_any_image(preset: str) -> None:
    augment = build_augmentation(preset)
    mask = np.random.default_rng(6).choice([0, 2, 7], (40, 40)).astype(np.uint8)
    unit = np.random.default_rng(5).random((40, 40, 2)).astype(np.float32)
    deep = np.round(unit * 65535)  # uint16 as the dataset hands it over
    for image in (unit, deep, unit * 4000 - 1000, unit * 1e-6, unit * 0 + 7):
        for seed in range(20):
            found = augmented(augment, image, mask, np.random.SeedSequence(seed))
            _same_form_and_range(found, (image, mask), preset)


def _same_form_and_range(
    found: tuple[np.ndarray, np.ndarray], given: tuple[np.ndarray, np.ndarray], words: str
) -> None:
    for array, before in zip(found, given, strict=True):
        assert array.shape == before.shape, words
        assert array.dtype == before.dtype, words
    assert set(np.unique(found[1])) <= set(np.unique(given[1])) | {0}, words
    assert np.isfinite(found[0]).all(), words
    if given[0].dtype != np.uint8:
        assert found[0].min() >= given[0].min(), words
        assert found[0].max() <= given[0].max(), words


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("spec", get_args(GrayTransform), ids=_name)
def test_gray_transforms_shift_nothing(spec: Any, channels: int) -> None:
    image = uniform_filter(_image((64, 64, channels), "float32"), (5, 5, 0)).astype(np.float32)
    mask = np.random.default_rng(6).integers(0, 4, (64, 64)).astype(np.uint8)
    augment = build_augmentation((spec(p=1.0),))
    for seed in range(8):
        changed, same = augmented(augment, image, mask, np.random.SeedSequence(seed))
        np.testing.assert_array_equal(same, mask)
        alike = {
            (dy, dx): abs(np.corrcoef(np.roll(changed, (dy, dx), (0, 1)).ravel(), image.ravel()))
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
        }
        assert max(alike, key=lambda shift: alike[shift][0, 1]) == (0, 0)


def test_dropout_hides_and_the_mask_knows() -> None:
    image = _image((40, 40, 1), "uint8") // 2 + 1
    mask = np.random.default_rng(6).integers(0, 4, (40, 40)).astype(np.uint8)
    augment = build_augmentation((CoarseDropoutSpec(p=1.0),))
    holed, same = augmented(augment, image, mask, np.random.SeedSequence(0))
    np.testing.assert_array_equal(same, mask)
    hidden = holed != image
    assert 0 < hidden.mean() < 0.2
    assert not holed[hidden].any()
