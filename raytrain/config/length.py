"""How long a training is, where it is not told in epochs."""

from typing import Self

from pydantic import Field, model_validator

from raytrain.config.base import Spec


class LengthSpec(Spec):
    """So many steps or samples; one of them."""

    steps: int | None = Field(None, ge=1)
    """Updates of the weights."""
    samples: int | None = Field(None, ge=1)
    """Windows that are trained on, each as often as it comes."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.steps is None) == (self.samples is None):
            raise ValueError("give steps or samples, one of them")
        return self

    def epochs(self, windows: int, batch_size: int) -> int:
        """Whole epochs of so many windows, the nearest number to what is asked; at least one."""
        if self.steps is not None:
            return max(1, round(self.steps / -(-windows // batch_size)))
        assert self.samples is not None
        return max(1, round(self.samples / windows))
