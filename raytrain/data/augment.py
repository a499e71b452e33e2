"""Augmentation: the presets, and the callable that transforms image and mask together.

Masks are resampled by nearest neighbor. Pixels from outside the image are mirrored in image and
mask alike, unless a transform's `border_mode` says otherwise. `constant` uses the darkest value of
the image, and class 0, the background, in the mask.
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
_QUARTER_TURNS = RandomRotate90Spec(p=0.5)
_SHEAR = (-16.7, 16.7)
"""Range of shears in degrees, which corresponds to slopes up to .3."""


def _shift(share: float) -> AffineSpec:
    return AffineSpec(translate_percent=(-share, share), border_mode="replicate", p=0.2)


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
    "system_b": (_MIRROR, _UPSIDE_DOWN, _QUARTER_TURNS, _shift(0.15)),
    "system_b_horizontal_flip": (HorizontalFlipSpec(p=1.0),),
    "system_b_vertical_flip": (VerticalFlipSpec(p=1.0),),
    "system_b_rotate90": (RandomRotate90Spec(p=1.0),),
    "system_b_shift": (_shift(0.1),),
    "system_b_noise": (GaussNoiseSpec(std_range=(0.02, 0.1), p=1.0),),
    "system_b_blur": (GaussianBlurSpec(sigma_limit=(0.5, 1.5), p=1.0),),
    "system_b_shear": (AffineSpec(shear=_SHEAR, border_mode="replicate", p=1.0),),
    "system_b_mix": (
        HorizontalFlipSpec(p=0.3),
        VerticalFlipSpec(p=0.6),
        RandomRotate90Spec(p=0.2),
        OneOfSpec(
            transforms=(
                AffineSpec(shear=_SHEAR, border_mode="replicate", p=0.8),
                _shift(0.1),
            ),
            p=0.3,
        ),
    ),
    "system_c": (_MIRROR,),
    "system_d": (
        _UPSIDE_DOWN,
        _MIRROR,
        RotateSpec(limit=(0, 180), border_mode="constant", p=1.0),
    ),
}
"""Name -> transforms in their order. Rows such as E2 are those of the source systems
(docs/search.md).

- `flips`: row E2, each flip with probability .5.
- `slices`: ours, for medical slices with a meaningful orientation: small moves, bends and changes
  of gray values. It contains no flips or quarter turns; add them separately, as in
  `[slices, {name: HorizontalFlip, p: 0.5}, {name: RandomRotate90}]`.
- `system_a`: row A2, always a rotation within 5 degrees, each flip with probability .5; borders
  mirrored.
- `system_b`: row B9, its default training.
- `system_b_*`: row B9, one transform each, always (the shift with probability .2), and
  `system_b_mix`. A shear of .3 is read as a slope (16.7 degrees), a shift of .1 as a share of the
  side. The report does not state the noise and the blur, so these are ours. Quarter turns, and so
  `system_b` and the mix, need square images.
- `system_c`: row C6, a mirror image with probability .5.
- `system_d`: row D3, each flip with probability .5, always a rotation by 0 to 180 degrees; corners
  are empty.
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
"""Name of a transform in a job -> class of albumentations."""

BORDERS = {
    "reflect_101": cv2.BORDER_REFLECT_101,
    "reflect": cv2.BORDER_REFLECT,
    "replicate": cv2.BORDER_REPLICATE,
    "constant": cv2.BORDER_CONSTANT,
}


def build_augmentation(spec: AugmentationSpec) -> alb.Compose:
    """Return the transforms of a spec as one callable of albumentations, for HxWxC images and HxW
    masks. For `none` it changes nothing."""
    return alb.Compose([_built(step) for step in steps_of(spec)])


def steps_of(spec: AugmentationSpec) -> list[TransformSpec | OneOfSpec]:
    """Return the steps of a spec in order, with presets replaced by their transforms."""
    items = (spec,) if isinstance(spec, str) else spec
    parts = (PRESETS[item] if isinstance(item, str) else (item,) for item in items)
    return [step for part in parts for step in part]


def copy_state(seed: int, row: int, top: int, left: int, copy: int) -> np.random.SeedSequence:
    """Return the random state that determines an augmented copy, which is the same in every epoch:
    copy number `copy` of the window at `top` and `left` (px) of the image in this row of the
    data."""
    return np.random.SeedSequence([seed, 0, row, top << 32 | left, copy])


def augmented(
    augment: alb.Compose, image_HWC: np.ndarray, mask_HW: np.ndarray, state: np.random.SeedSequence
) -> tuple[np.ndarray, np.ndarray]:
    """Return image and mask after one random draw, which depends on `state` alone.

    Sizes do not change, and uint8 stays uint8; images of other types become float32. A float image
    keeps its range of values, and a mask keeps its own values.
    """
    # All transforms draw from one stream in turn; set_random_seed would give each of them the same
    # numbers.
    augment.set_random_state(
        np.random.default_rng(state), random.Random(int(state.generate_state(1)[0]))
    )
    if image_HWC.dtype == np.uint8:
        moved = augment(image=image_HWC, mask=mask_HW)
        return moved["image"], moved["mask"]
    # albumentations expects float images in 0 .. 1 and clips all others.
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
