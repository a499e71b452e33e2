"""The facts about the data that the terms of a loss use."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from raytrain.config.target import Target
from raytrain.losses.judged import Judged

Term = Callable[[Judged], torch.Tensor]
"""A term of a loss: function from a batch (`Judged`) to a scalar."""


@dataclass(frozen=True)
class Setting:
    """The kind of target, and the frequencies of the classes in the training images."""

    target: Target
    class_pixels: tuple[int, ...]
    """Number of pixels of each class, background first."""

    @property
    def balanced(self) -> tuple[float, ...]:
        """The weight of each class k, n / (K n_k), as `balanced` in scikit-learn. n is the number
        of labeled pixels, K the number of classes that occur, and n_k the number of pixels of class
        k. It is 1 for classes that do not occur."""
        occurring = [pixels for pixels in self.class_pixels if pixels]
        total = sum(occurring)
        return tuple(total / (len(occurring) * n) if n else 1.0 for n in self.class_pixels)
