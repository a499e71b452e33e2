"""Binary cross-entropy, each class by itself."""

import torch
from torch.nn import functional

from raytrain.config.losses import BceSpec, BceWithLogitsSpec
from raytrain.losses.judged import Judged
from raytrain.losses.setting import Setting, Term


def build_bce(spec: BceSpec, setting: Setting) -> Term:
    """Mean over judged pixels and classes of -log p or -log(1 - p), each cut at 100 nats as
    torch does, in nats."""
    del spec, setting

    def term(judged: Judged) -> torch.Tensor:
        prob = judged.prob_BKHW
        # What nobody judged has p = 0 and truth 0, which costs nothing. torch raises at NaN;
        # added again, it reaches the loop, which names the step.
        cost = functional.binary_cross_entropy(prob.nan_to_num(), judged.true_BKHW, reduction="sum")
        return (cost + 0 * prob.sum()) / (judged.pixels * prob.shape[1])

    return term


def build_bce_with_logits(spec: BceWithLogitsSpec, setting: Setting) -> Term:
    """Mean over judged pixels and classes of the binary cross-entropy of each logit's sigmoid."""
    del setting

    def term(judged: Judged) -> torch.Tensor:
        logits = judged.logits_BKHW
        cost_BKHW = functional.binary_cross_entropy_with_logits(
            logits, judged.true_BKHW, reduction="none",
            pos_weight=logits.new_tensor(spec.positive_weight),
        )  # fmt: skip
        cost = (cost_BKHW * judged.valid_BHW[:, None]).sum()
        return cost / (judged.pixels * logits.shape[1])

    return term
