"""From probability maps to masks: the one place that decides which pixels belong to a class."""

from typing import Any

import numpy as np

from raytrain.config.steps import StepSpec, in_order
from raytrain.config.target import Target
from raytrain.metrics.steps import STEPS


def mask_of(prob_KHW: Any, target: Target, steps: tuple[StepSpec, ...] = ()) -> Any:
    """Return mask_HW (int64) of the most probable class, or of all classes with a probability over
    .5, after the fitted steps.

    The steps are applied in the order of STEPS. Accepts arrays, and without steps also tensors. The
    numbers of a mask are explained in `config/target.py`.
    """
    if target == "single_label":
        mask_HW = prob_KHW.argmax(0)
    else:
        mask_HW = sum((prob_HW > 0.5) * (1 << bit) for bit, prob_HW in enumerate(prob_KHW))
    if not steps:
        return mask_HW
    assert isinstance(prob_KHW, np.ndarray)
    # Stored maps are float16, in which products and thresholds are rounded.
    exact_KHW = prob_KHW.astype(np.result_type(prob_KHW, np.float32), copy=False)
    for spec in in_order(steps):
        mask_HW = STEPS[spec.name](spec, exact_KHW, mask_HW, target)
    return mask_HW
