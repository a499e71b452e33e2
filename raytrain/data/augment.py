"""Augmentation presets: lists of albumentations transforms that move image and mask together."""

import cv2
import numpy as np
from albumentations import (
    Affine,
    BasicTransform,
    Compose,
    ElasticTransform,
    GaussNoise,
    HorizontalFlip,
    RandomBrightnessContrast,
    RandomGamma,
    VerticalFlip,
)


def _none() -> list[BasicTransform]:
    return []


def _flips() -> list[BasicTransform]:
    """Source system E."""
    return [HorizontalFlip(p=0.5), VerticalFlip(p=0.5)]


def _slices() -> list[BasicTransform]:
    """Medical slices with a meaningful orientation: small moves, bends and gray-value shifts."""
    return [
        Affine(
            rotate=(-20, 20),
            scale=(0.85, 1.15),
            translate_percent=(-0.08, 0.08),
            shear=(-5, 5),
            border_mode=cv2.BORDER_REFLECT_101,
            p=0.9,
        ),
        ElasticTransform(alpha=40, sigma=7, border_mode=cv2.BORDER_REFLECT_101, p=0.3),
        RandomGamma(gamma_limit=(70, 140), p=0.3),
        RandomBrightnessContrast(brightness_limit=0.15, contrast_limit=0.2, p=0.3),
        GaussNoise(std_range=(0.01, 0.04), p=0.2),
    ]


PRESETS = {"none": _none, "flips": _flips, "slices": _slices}


def build_augmentation(preset: str) -> Compose:
    """The preset as one callable on HxWxC images and HxW masks; masks by nearest neighbour."""
    return Compose(PRESETS[preset]())


def augmented(
    augment: Compose, image_HWC: np.ndarray, mask_HW: np.ndarray, state: np.random.SeedSequence
) -> tuple[np.ndarray, np.ndarray]:
    """Image (uint8, or float32 in any range) and mask after one draw that `state` decides."""
    # Compose.set_random_seed gives all transforms one seed: they would all draw the same numbers.
    seeds = state.generate_state(len(augment.transforms))
    for transform, seed in zip(augment.transforms, seeds, strict=True):
        transform.set_random_seed(int(seed))
    if image_HWC.dtype == np.uint8:
        moved = augment(image=image_HWC, mask=mask_HW)
        return moved["image"], moved["mask"]
    # albumentations takes float images in 0 .. 1 and clips all others.
    low, span = image_HWC.min(), np.ptp(image_HWC) or np.float32(1)
    moved = augment(image=(image_HWC - low) / span, mask=mask_HW)
    return moved["image"] * span + low, moved["mask"]
