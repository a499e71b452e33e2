"""Transforms done on a device, a batch at once, do what albumentations does, drawn by the same
laws."""

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from scipy.stats import ks_2samp

from raytrain.config.augmentation import AugmentationSpec
from raytrain.config.augmentation.spatial import ElasticTransformSpec
from raytrain.data.augment import BORDERS, PRESETS, augmented, build_augmentation
from raytrain.data.batched import sampling
from raytrain.data.batched.augmenter import Augmenter, undoable
from raytrain.data.batched.bends import bends, bent
from raytrain.data.batched.draws import DRAWS

CPU = torch.device("cpu")
SIDE = 56
MASK = np.kron(np.arange(49).reshape(7, 7), np.ones((8, 8))).astype(np.uint8)


def _smooth() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 2)
    return ((blurred - blurred.min()) * (255 / np.ptp(blurred))).astype(np.uint8)


IMAGE = _smooth()


def _spec(value: Any) -> AugmentationSpec:
    return TypeAdapter(AugmentationSpec).validate_python(value)


def _states(count: int) -> list[np.random.SeedSequence]:
    return [np.random.SeedSequence([3, n]) for n in range(count)]


FIXED: list[dict[str, Any]] = [
    {"name": "HorizontalFlip"},
    {"name": "VerticalFlip"},
    {"name": "Transpose"},
    {"name": "Rotate", "limit": [20, 20]},
    {"name": "RandomBrightnessContrast", "brightness_limit": (0.1, 0.1), "contrast_limit": (0, 0)},
    {"name": "RandomBrightnessContrast", "brightness_limit": (0, 0), "contrast_limit": (0.3, 0.3)},
    {"name": "InvertImg"},
    {"name": "RandomGamma", "gamma_limit": [140, 140]},
    {"name": "MultiplicativeNoise", "multiplier": [1.2, 1.2]},
    {"name": "MultiplicativeNoise", "multiplier": [0.7, 0.7], "elementwise": True},
    {"name": "GaussNoise", "std_range": [0, 0]},
    {"name": "GaussianBlur", "sigma_limit": [1.3, 1.3]},
    {"name": "ElasticTransform", "alpha": 0},
    *(
        {
            "name": "Affine", "rotate": [-33, -33], "scale": [0.4, 0.4], "shear": [7, 7],
            "translate_percent": [0.13, 0.13], "border_mode": border,
        }
        for border in BORDERS
    ),
]  # fmt: skip
"""Each transform with nothing left to chance."""


@pytest.mark.parametrize("kind", ["uint8", "float32"])
@pytest.mark.parametrize("value", FIXED, ids=lambda v: f"{v['name']}-{v.get('border_mode', '')}")
def test_a_transform_is_that_of_albumentations(value: dict[str, Any], kind: str) -> None:
    """Floats within 1e-3 of their range; 8 bits within the one level that the host rounds by.
    Masks are equal but for a pixel in 500, where the nearest of two is a matter of rounding."""
    spec = _spec([{**value, "p": 1.0}])
    image = IMAGE if kind == "uint8" else IMAGE.astype(np.float32) * 3 - 100
    wanted, wanted_mask = augmented(build_augmentation(spec), image, MASK, _states(1)[0])
    low, span = (0, 255) if kind == "uint8" else (image.min(), np.ptp(image))
    unit_BCHW = ((torch.from_numpy(image).float() - low) / span).permute(2, 0, 1)[None]
    augmenter = Augmenter(spec, (SIDE, SIDE))
    found_BCHW, mask_BHW = augmenter(
        unit_BCHW, torch.from_numpy(MASK)[None], augmenter.draw(_states(1))
    )
    difference = abs(found_BCHW[0].permute(1, 2, 0).numpy() - (wanted - low) / span)
    assert difference.max() < (1e-3 if kind == "float32" else 1.01 / 255)
    assert (mask_BHW[0].numpy() != wanted_mask).mean() <= 1 / 500


@pytest.mark.parametrize("turns", ["RandomRotate90", "D4"])
def test_turns_are_all_those_of_a_square_alike_often(turns: str) -> None:
    augmenter = Augmenter(_spec([{"name": turns}]), (7, 7))
    plane_HW = torch.arange(49).reshape(7, 7)
    quarter = [torch.rot90(plane_HW, k) for k in range(4)]
    all_of_them = quarter if turns == "RandomRotate90" else [*quarter, *(q.T for q in quarter)]
    image_BCHW = (plane_HW.float() / 49).expand(400, 1, 7, 7)
    moved_BCHW, mask_BHW = augmenter(
        image_BCHW, plane_HW.expand(400, 7, 7), augmenter.draw(_states(400))
    )
    torch.testing.assert_close(moved_BCHW[:, 0], mask_BHW.float() / 49)
    found = [int((mask_BHW == turned).all((1, 2)).sum()) for turned in all_of_them]
    assert sum(found) == 400
    assert min(found) > 250 / len(found)


def test_a_bend_is_opencvs_and_as_strong_as_albumentations() -> None:
    spec = ElasticTransformSpec(alpha=40, sigma=7, p=1.0)
    bend_B2HW = bends(spec, [1, 2], (SIDE, SIDE), CPU)
    at = bent(sampling.start(SIDE, SIDE, CPU), bend_B2HW[:1], [1], 2)
    at = sampling.folded(at, "reflect_101", SIDE, SIDE)
    image_BCHW = torch.from_numpy(IMAGE).float().permute(2, 0, 1).expand(2, -1, -1, -1)
    found_BHWC = sampling.linear(image_BCHW, at).permute(0, 2, 3, 1).numpy()
    assert abs(found_BHWC[0] - IMAGE).max() < 1e-3
    down, across = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    maps = across + bend_B2HW[0, 0].numpy(), down + bend_B2HW[0, 1].numpy()
    wanted = cv2.remap(
        IMAGE.astype(np.float32), *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    assert abs(found_BHWC[1] - wanted).max() < 2  # OpenCV takes steps of 1/32 pixel
    augment = build_augmentation((spec,))
    theirs = []
    for state in _states(30):
        augmented(augment, IMAGE, MASK, state)
        params = augment.transforms[0].get_applied_params()
        theirs += [(params["map_x"] - across).std(), (params["map_y"] - down).std()]
    ours = bends(spec, list(range(30)), (SIDE, SIDE), CPU).std((2, 3)).flatten().numpy()
    assert ks_2samp(ours, theirs).pvalue > 1e-3


CHOICE = {
    "name": "OneOf",
    "p": 0.6,
    "transforms": [{"name": "GaussianBlur", "p": 0.2}, {"name": "Rotate"}],
}
LAWS = [*PRESETS["slices"], *PRESETS["system_b_mix"], *PRESETS["system_b_noise"], *_spec([CHOICE])]


@pytest.mark.parametrize("step", LAWS, ids=lambda step: step.name)
def test_what_is_drawn_has_the_laws_of_albumentations(step: Any) -> None:
    """How often each transform is done, and the distribution of every number it is done with."""
    count = 600
    augmenter = Augmenter((step,), (40, SIDE if step.name != "RandomRotate90" else 40))
    drawn = augmenter.draw(_states(count))
    augment = build_augmentation((step,))
    children = getattr(augment.transforms[0], "transforms", augment.transforms)
    theirs: list[list[np.ndarray]] = [[] for _ in children]
    image = np.zeros((*augmenter.size, 1), np.uint8) + 90
    for state in _states(count):
        for child in children:
            child.params = {}
        augmented(augment, image, image[..., 0], np.random.SeedSequence([4, state.entropy[1]]))
        for place, child in enumerate(children):
            if child.params:
                theirs[place].append(_numbers(child.params))
    for part, numbers, active, other in zip(
        augmenter.parts, drawn.numbers, drawn.active, theirs, strict=True
    ):
        assert abs(len(active) - len(other)) < 4 * (count / 2) ** 0.5
        if part.kind == "bend":
            continue
        ours = numbers[active]
        if part.kind in ("turn", "move"):
            inverse_B33 = np.tile(np.eye(3), (len(active), 1, 1))
            inverse_B33[:, :2] = ours.reshape(-1, 2, 3)
            ours = np.linalg.inv(inverse_B33)[:, :2].reshape(-1, 6)
        if part.kind == "blur":
            ours = ours.max(1, keepdims=True)
        if part.kind == "turn":
            continue
        for column_ours, column_theirs in zip(ours.T, np.array(other).T, strict=True):
            rounded = np.round(column_ours, 4), np.round(column_theirs, 4)
            assert ks_2samp(*rounded).pvalue > 1e-3


def _numbers(params: dict[str, Any]) -> np.ndarray:
    """What albumentations has drawn, as our numbers."""
    if "matrix" in params:
        return params["matrix"][:2].ravel()
    if "kernel" in params:
        return params["kernel"].max(keepdims=True)
    if "noise_map" in params:
        return np.array([params["noise_map"].std() / 255])
    if "alpha" in params:
        return np.array([params["alpha"], params["beta"] / 255])
    return np.array([params["gamma"]]) if "gamma" in params else np.zeros(1)


def test_noise_is_normal_and_each_pixels_own() -> None:
    augmenter = Augmenter(
        _spec([{"name": "GaussNoise", "std_range": [0.05, 0.05], "p": 1}]), (64, 64)
    )
    image_BCHW = torch.full((3, 2, 64, 64), 0.5)
    found_BCHW, _ = augmenter(image_BCHW, torch.zeros(3, 64, 64), augmenter.draw(_states(3)))
    noise_BP = (found_BCHW - 0.5).flatten(1)
    torch.testing.assert_close(noise_BP.std(1), torch.full((3,), 0.05), rtol=0.05, atol=0)
    assert (
        torch.corrcoef(torch.cat([noise_BP[:, :4096], noise_BP[:, 4096:]])) - torch.eye(6)
    ).abs().max() < 0.08


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "none"])
def test_every_preset_can_be_done_and_image_and_mask_move_as_one(preset: str) -> None:
    assert not undoable(preset)
    moving = [
        s
        for s in PRESETS[preset]
        if s.name not in DRAWS or DRAWS[s.name].kind in ("turn", "move", "bend")
    ]
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(mask, (20, 20), (14, 10), 30, 0, 360, 7, -1)
    cv2.ellipse(mask, (38, 34), (9, 14), 0, 0, 360, 2, -1)
    mask_BHW = torch.from_numpy(mask).expand(40, -1, -1)
    augmenter = Augmenter(tuple(moving), (SIDE, SIDE))
    image_BCHW, moved_BHW = augmenter(
        mask_BHW[:, None].float() / 8, mask_BHW, augmenter.draw(_states(40))
    )
    assert moved_BHW.dtype == torch.uint8
    assert set(moved_BHW.unique().tolist()) == {0, 2, 7}
    # Between two labels lie values of neither; elsewhere the image says what the mask says.
    agree = ((image_BCHW[:, 0] * 8 - moved_BHW).abs() < 0.5).float().mean()
    assert agree > 0.95
    changed = (moved_BHW != mask_BHW).any(2).any(1).float().mean()
    least = 0.1 if preset == "system_b_shift" else 0.3
    assert changed > least if moving else changed == 0
