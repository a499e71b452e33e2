"""Logits and truth of a batch, in the forms that the terms of a loss need.

Shape suffixes: B images, K channels of the logits, H x W pixels.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch.nn import functional

from raytrain.config.target import IGNORE, Target, layer


@dataclass(frozen=True)
class Judged:
    """A batch of logits and masks. Each form of it is computed once, when the first term needs
    it."""

    logits_BKHW: torch.Tensor
    """float32, or float64 to check gradients."""
    mask_BHW: torch.Tensor
    """True masks, int64, with numbers as in `config/target.py`."""
    target: Target
    table_VK: torch.Tensor | None = None
    """The probabilities that each number of a mask means, if labels are soft
    (`data/soft_labels.py`); None: labels are certain."""

    @cached_property
    def valid_BHW(self) -> torch.Tensor:
        """1 for labeled pixels, else 0, in the type of the logits."""
        if self.target == "multi_label":
            return torch.ones_like(self.mask_BHW, dtype=self.logits_BKHW.dtype)
        return (self.mask_BHW != IGNORE).to(self.logits_BKHW.dtype)

    @cached_property
    def class_BHW(self) -> torch.Tensor:
        """The class of each pixel, 0 for unlabeled pixels. It is for masks with one class per
        pixel. A soft label counts as its most probable class."""
        if self.table_VK is not None:
            return self.true_BKHW.argmax(1)
        return torch.where(self.mask_BHW == IGNORE, 0, self.mask_BHW)

    @cached_property
    def true_BKHW(self) -> torch.Tensor:
        """1 where a pixel has the channel's class, else 0; 0 for unlabeled pixels. For a soft
        label, it is the probability of the class."""
        if self.table_VK is not None:
            table_VK = self.table_VK.to(self.logits_BKHW)
            return functional.embedding(self.mask_BHW, table_VK).permute(0, 3, 1, 2)
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

    def cross_entropy(
        self, reduction: Literal["none", "sum"], weight_K: torch.Tensor | None = None,
        smoothing: float = 0.0,
    ) -> torch.Tensor:  # fmt: skip
        """Return -log softmax at the truth of each pixel (BHW) or its sum, in nats; 0 for unlabeled
        pixels. For a soft label, it is the mean over the classes, weighted by the label's
        probabilities."""
        # A GPU's own sum over pixels adds them in another order each time.
        if self.table_VK is None:
            cost_BHW = functional.cross_entropy(
                self.logits_BKHW, self.mask_BHW, weight_K, ignore_index=IGNORE,
                reduction="none", label_smoothing=smoothing,
            )  # fmt: skip
        else:
            cost_BHW = self.valid_BHW * functional.cross_entropy(
                self.logits_BKHW, self.true_BKHW, weight_K, reduction="none",
                label_smoothing=smoothing,
            )  # fmt: skip
        return cost_BHW if reduction == "none" else cost_BHW.sum()

    @cached_property
    def pixels(self) -> torch.Tensor:
        """Number of labeled pixels in the batch, at least 1."""
        if self.target == "multi_label":
            count = self.logits_BKHW.new_tensor(self.mask_BHW.numel())
        else:
            count = (self.mask_BHW != IGNORE).count_nonzero().to(self.logits_BKHW.dtype)
        return count.clamp_min(1)

    def first(self, background: bool) -> int:
        """Return the index of the first channel that counts: 1 if channel 0 is the background and
        `background` is false, else 0."""
        return 0 if background or self.target == "multi_label" else 1
