"""What the terms of a loss are told of the data."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from raytrain.config.target import Target
from raytrain.losses.judged import Judged

Term = Callable[[Judged], torch.Tensor]
"""-> scalar."""


@dataclass(frozen=True)
class Setting:
    """The targets and how frequent each class is in the training images."""

    target: Target
    class_pixels: tuple[int, ...]
    """The background's first."""

    @property
    def balanced(self) -> tuple[float, ...]:
        """n / (K n_k), scikit-learn's `balanced`, over the classes that occur; 1 for others."""
        occurring = [pixels for pixels in self.class_pixels if pixels]
        total = sum(occurring)
        return tuple(total / (len(occurring) * n) if n else 1.0 for n in self.class_pixels)
