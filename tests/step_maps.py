"""Maps and fitted steps that the tests of the steps share."""

from typing import Any

import numpy as np
from scipy import ndimage
from scipy.special import expit, softmax

from raytrain.config.steps import STEP_SPECS, InsideStep
from raytrain.config.target import Target
from raytrain.metrics.steps import STEPS

WITHOUT_VALUES = {"inside": [(2, InsideStep(inner=2, outer=1)), (1, InsideStep(inner=1, outer=2))]}


def a_map(classes: int, target: Target, shape: tuple[int, int] = (23, 19), seed: int = 0) -> Any:
    """Return prob_KHW (float32) with blobs of a few pixels and with holes."""
    rng = np.random.default_rng(seed)
    channels = classes - (target == "multi_label")
    logit = ndimage.gaussian_filter(rng.normal(0, 1, (channels, *shape)), (0, 0.7, 0.7)) * 8
    return (softmax(logit, 0) if target == "single_label" else expit(logit)).astype(np.float32)


def fitted(name: str, classes: int) -> list[tuple[int, Any]]:
    """(class, step) for every value of the grid, for some classes alone."""
    if name in WITHOUT_VALUES:
        return WITHOUT_VALUES[name]
    off = STEP_SPECS[name].off(classes)
    return [(k, off.tried(k, at)) for k in {1, classes - 1} for at in off.grid]


def applied(step: Any, prob: Any, mask: Any, target: Target) -> Any:
    """The mask after the step."""
    changed = mask.copy()
    STEPS[step.name](step, prob, changed, target)
    return changed
