"""Training length in steps or samples instead of epochs."""

from typing import Self

from pydantic import Field, model_validator

from raytrain.config.base import Spec


class LengthSpec(Spec):
    """The length of a training as a number of steps or a number of samples. Give exactly one."""

    steps: int | None = Field(None, ge=1)
    """Number of weight updates."""
    samples: int | None = Field(None, ge=1)
    """Number of windows to train on; a window counts each time it is used."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.steps is None) == (self.samples is None):
            raise ValueError("give either steps or samples")
        return self

    def epochs(self, windows: int, batch_size: int) -> tuple[int, float]:
        """Return the number of epochs, and the share of windows to train on in the last epoch."""
        if self.steps is not None:
            per_epoch = -(-windows // batch_size)
            whole, steps = divmod(self.steps, per_epoch)
            left = steps * batch_size
        else:
            assert self.samples is not None
            whole, left = divmod(self.samples, windows)
        return (whole + 1, left / windows) if left else (whole, 1.0)
