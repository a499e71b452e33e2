"""From probability maps to masks: the one place that decides which pixels belong to a class."""

from typing import Any

from raytrain.config.target import Target


def mask_of(prob_KHW: Any, target: Target) -> Any:
    """Return mask_HW (int64) of the most probable class, or of all classes with a probability over
    .5.

    Accepts arrays and tensors. The numbers of a mask are explained in `config/target.py`.
    """
    if target == "single_label":
        return prob_KHW.argmax(0)
    return sum((prob_HW > 0.5) * (1 << bit) for bit, prob_HW in enumerate(prob_KHW))
