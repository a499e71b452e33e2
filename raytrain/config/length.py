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

    def epochs(self, windows: int, batch_size: int) -> tuple[int, float]:
        """Epochs of so many windows, and the share of the last one's that is still trained on."""
        if self.steps is not None:
            per_epoch = -(-windows // batch_size)
            whole, steps = divmod(self.steps, per_epoch)
            left = steps * batch_size
        else:
            assert self.samples is not None
            whole, left = divmod(self.samples, windows)
        return (whole + 1, left / windows) if left else (whole, 1.0)
