"""Logits and truth of a batch, in the forms that the terms of a loss need.

Shape suffixes: B images, K channels of the logits, H x W pixels.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch.nn import functional

from raytrain.config.target import IGNORE, Target, layer


@dataclass(frozen=True)
class Judged:
    """A batch; each form is computed once, when the first term needs it."""

    logits_BKHW: torch.Tensor
    """float32, or float64 to check gradients."""
    mask_BHW: torch.Tensor
    """int64, as in `config/target.py`."""
    target: Target

    @cached_property
    def valid_BHW(self) -> torch.Tensor:
        """1 for labeled pixels, else 0; in the logits' type."""
        if self.target == "multi_label":
            return torch.ones_like(self.mask_BHW, dtype=self.logits_BKHW.dtype)
        return (self.mask_BHW != IGNORE).to(self.logits_BKHW.dtype)

    @cached_property
    def class_BHW(self) -> torch.Tensor:
        """The class of each pixel, 0 for unlabeled ones; for single labels."""
        return torch.where(self.mask_BHW == IGNORE, 0, self.mask_BHW)

    @cached_property
    def true_BKHW(self) -> torch.Tensor:
        """1 where a pixel has the channel's class, else 0; also 0 for unlabeled pixels."""
        channels, dtype = self.logits_BKHW.shape[1], self.logits_BKHW.dtype
        if self.target == "multi_label":
            layers = [layer(self.mask_BHW, k, self.target) for k in range(1, channels + 1)]
            return torch.stack(layers, 1).to(dtype)
        one_hot = functional.one_hot(self.class_BHW, channels).permute(0, 3, 1, 2).to(dtype)
        return one_hot * self.valid_BHW[:, None]

    @cached_property
    def prob_BKHW(self) -> torch.Tensor:
        """The predicted probability of each channel, in 0 .. 1; 0 for unlabeled pixels."""
        single = self.target == "single_label"
        prob = self.logits_BKHW.softmax(1) if single else self.logits_BKHW.sigmoid()
        return prob * self.valid_BHW[:, None]

    @cached_property
    def pixels(self) -> torch.Tensor:
        """Number of labeled pixels in the batch, at least 1."""
        if self.target == "multi_label":
            count = self.logits_BKHW.new_tensor(self.mask_BHW.numel())
        else:
            count = (self.mask_BHW != IGNORE).count_nonzero().to(self.logits_BKHW.dtype)
        return count.clamp_min(1)

    def first(self, background: bool) -> int:
        """Return the first channel that counts, with or without the background."""
        return 0 if background or self.target == "multi_label" else 1
