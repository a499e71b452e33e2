"""Check that an augmentation can be applied to the data, before a worker is requested."""

import numpy as np

from raytrain.config.augmentation import AugmentationSpec, OneOfSpec
from raytrain.data.augment import augmented, build_augmentation, steps_of

DRAWS = 8
"""Enough draws to see every behavior of a transform: a quarter turn occurs in one draw of two."""


def augmentation_problems(
    spec: AugmentationSpec, shape_HWC: tuple[int, int, int], dtype: str
) -> list[str]:
    """Return one line per transform that cannot take such images, tried on random values."""
    height, width, channels = shape_HWC
    size = f"{width}x{height}"
    values = np.random.default_rng(0).integers(0, 256, shape_HWC)
    image_HWC = values.astype(dtype)
    mask_HW = np.zeros((height, width), np.uint8)
    problems = []
    for step in steps_of(spec):
        for transform in step.transforms if isinstance(step, OneOfSpec) else (step,):
            always = build_augmentation((transform.model_copy(update={"p": 1.0}),))
            try:
                draws = [
                    augmented(always, image_HWC, mask_HW, np.random.SeedSequence(draw))
                    for draw in range(DRAWS)
                ]
            except Exception as error:  # OpenCV and albumentations raise errors of many types
                reason = str(error).strip().split("\n")[0] or type(error).__name__
                problems.append(
                    f"{transform.name} cannot take {size} images of {channels} channel(s): {reason}"
                )
                continue
            if any(moved.shape != shape_HWC for moved, _ in draws):
                problems.append(f"{transform.name} needs square images, these are {size}")
    return problems
