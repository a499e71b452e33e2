"""Augmentation: the presets, and how a spec becomes one callable that moves image and mask as one.

Masks are resampled by nearest neighbour. What comes from outside the image is its mirror image in
image and mask alike, unless a transform's `border_mode` says otherwise; `constant` is the darkest
value in the image and class 0, the background, in the mask.
"""

import random

import albumentations as alb
import cv2
import numpy as np

from raytrain.config.augmentation import AugmentationSpec, OneOfSpec, TransformSpec
from raytrain.config.augmentation.gray import (
    GaussianBlurSpec,
    GaussNoiseSpec,
    RandomBrightnessContrastSpec,
    RandomGammaSpec,
)
from raytrain.config.augmentation.spatial import (
    AffineSpec,
    ElasticTransformSpec,
    HorizontalFlipSpec,
    RandomRotate90Spec,
    RotateSpec,
    VerticalFlipSpec,
)

_MIRROR, _UPSIDE_DOWN = HorizontalFlipSpec(p=0.5), VerticalFlipSpec(p=0.5)
_QUARTER_TURNS = RandomRotate90Spec(p=1.0)
_SHIFT = AffineSpec(translate_percent=(-0.1, 0.1), border_mode="replicate", p=0.5)
_SHEAR = AffineSpec(shear=(-16.7, 16.7), border_mode="replicate", p=0.5)

PRESETS: dict[str, tuple[TransformSpec | OneOfSpec, ...]] = {
    "none": (),
    "flips": (_MIRROR, _UPSIDE_DOWN),
    "slices": (
        AffineSpec(
            rotate=(-20, 20),
            scale=(0.85, 1.15),
            translate_percent=(-0.08, 0.08),
            shear=(-5, 5),
            p=0.9,
        ),
        ElasticTransformSpec(alpha=40, sigma=7, p=0.3),
        RandomGammaSpec(gamma_limit=(70, 140), p=0.3),
        RandomBrightnessContrastSpec(
            brightness_limit=(-0.15, 0.15), contrast_limit=(-0.2, 0.2), p=0.3
        ),
        GaussNoiseSpec(std_range=(0.01, 0.04), p=0.2),
    ),
    "system_a": (RotateSpec(limit=(-5, 5), p=1.0), _MIRROR, _UPSIDE_DOWN),
    "system_b_horizontal_flip": (_MIRROR,),
    "system_b_vertical_flip": (_UPSIDE_DOWN,),
    "system_b_rotate90": (_QUARTER_TURNS,),
    "system_b_shift": (_SHIFT,),
    "system_b_noise": (GaussNoiseSpec(std_range=(0.02, 0.1), p=0.5),),
    "system_b_blur": (GaussianBlurSpec(sigma_limit=(0.5, 1.5), p=0.5),),
    "system_b_shear": (_SHEAR,),
    "system_b_mix": (
        _MIRROR,
        _UPSIDE_DOWN,
        _QUARTER_TURNS,
        OneOfSpec(transforms=(_SHEAR, _SHIFT), p=0.5),
    ),
    "system_c": (_MIRROR,),
    "system_d": (
        _UPSIDE_DOWN,
        _MIRROR,
        RotateSpec(limit=(0, 180), border_mode="constant", p=1.0),
    ),
}
"""Name -> transforms in their order.

- `flips`: row E2, each flip half of the time.
- `slices`: ours, for medical slices with a meaningful orientation: small moves, bends and changes
  of gray values. It neither flips nor turns by quarters: each kind is switched on beside it, as in
  `[slices, {name: HorizontalFlip, p: 0.5}, {name: RandomRotate90}]`.
- `system_a`: row A2, a turn within 5 degrees always, each flip half of the time; mirrored borders.
- `system_b_*`: row B9, one at a time, and `system_b_mix`. Its .3 and .1 are read as strengths: a
  slope of .3 (16.7 degrees), .1 of the side. What the report does not state is ours: probabilities
  of .5, noise and blur. Quarter turns, and with them the mix, need square images.
- `system_c`: row C6, mirroring half of the time.
- `system_d`: row D3, each flip half of the time, a turn of 0 to 180 degrees always; empty corners.
"""

TRANSFORMS: dict[str, type[alb.BasicTransform]] = {
    "Affine": alb.Affine,
    "Blur": alb.Blur,
    "CLAHE": alb.CLAHE,
    "CoarseDropout": alb.CoarseDropout,
    "ColorJitter": alb.ColorJitter,
    "D4": alb.D4,
    "ElasticTransform": alb.ElasticTransform,
    "GaussNoise": alb.GaussNoise,
    "GaussianBlur": alb.GaussianBlur,
    "HorizontalFlip": alb.HorizontalFlip,
    "InvertImg": alb.InvertImg,
    "MedianBlur": alb.MedianBlur,
    "MultiplicativeNoise": alb.MultiplicativeNoise,
    "OpticalDistortion": alb.OpticalDistortion,
    "Perspective": alb.Perspective,
    "RandomBrightnessContrast": alb.RandomBrightnessContrast,
    "RandomGamma": alb.RandomGamma,
    "RandomRotate90": alb.RandomRotate90,
    "Rotate": alb.Rotate,
    "SaltAndPepper": alb.SaltAndPepper,
    "Sharpen": alb.Sharpen,
    "ShotNoise": alb.ShotNoise,
    "Transpose": alb.Transpose,
    "VerticalFlip": alb.VerticalFlip,
}
"""Name -> albumentations' class."""

BORDERS = {
    "reflect_101": cv2.BORDER_REFLECT_101,
    "reflect": cv2.BORDER_REFLECT,
    "replicate": cv2.BORDER_REPLICATE,
    "constant": cv2.BORDER_CONSTANT,
}


def build_augmentation(spec: AugmentationSpec) -> alb.Compose:
    """The spec as one callable on HxWxC images and HxW masks; empty for `none`."""
    return alb.Compose([_built(step) for step in steps_of(spec)])


def steps_of(spec: AugmentationSpec) -> list[TransformSpec | OneOfSpec]:
    """The spec without names of presets: what is done, in its order."""
    items = (spec,) if isinstance(spec, str) else spec
    parts = (PRESETS[item] if isinstance(item, str) else (item,) for item in items)
    return [step for part in parts for step in part]


def augmented(
    augment: alb.Compose, image_HWC: np.ndarray, mask_HW: np.ndarray, state: np.random.SeedSequence
) -> tuple[np.ndarray, np.ndarray]:
    """Image and mask after one draw that `state` alone decides.

    Sizes stay, and so does uint8; images of another type become float32. A float image keeps to
    its own range, a mask to its own values.
    """
    # One stream that all transforms draw from in turn; set_random_seed would give each of them the
    # same numbers.
    augment.set_random_state(
        np.random.default_rng(state), random.Random(int(state.generate_state(1)[0]))
    )
    if image_HWC.dtype == np.uint8:
        moved = augment(image=image_HWC, mask=mask_HW)
        return moved["image"], moved["mask"]
    # albumentations takes float images in 0 .. 1 and clips all others.
    image_HWC = image_HWC.astype(np.float32)
    low, high = image_HWC.min(), image_HWC.max()
    span = high - low or np.float32(1)
    moved = augment(image=(image_HWC - low) / span, mask=mask_HW)
    return np.clip(moved["image"] * span + low, low, high), moved["mask"]


def _built(step: TransformSpec | OneOfSpec) -> alb.BasicTransform | alb.OneOf:
    if isinstance(step, OneOfSpec):
        return alb.OneOf([_built(one) for one in step.transforms], p=step.p)
    options = step.model_dump(exclude={"name"})
    if "border_mode" in options:
        options["border_mode"] = BORDERS[options["border_mode"]]
    return TRANSFORMS[step.name](**options)
