"""Binary cross-entropy, for each class separately."""

import torch
from torch.nn import functional

from raytrain.config.losses import BceSpec, BceWithLogitsSpec
from raytrain.losses.judged import Judged
from raytrain.losses.setting import Setting, Term


def build_bce(spec: BceSpec, setting: Setting) -> Term:
    """Return the term: the mean over labeled pixels and classes of -log p where the pixel has the
    class, and of -log(1 - p) elsewhere, in nats. Both are clipped at 100, as in torch."""
    del spec, setting

    def term(judged: Judged) -> torch.Tensor:
        prob = judged.prob_BKHW
        # Unlabeled pixels have p = 0 and truth 0, and so cost nothing. torch raises an error for
        # NaN; the added term passes NaN on to the loop, which names the step.
        cost = functional.binary_cross_entropy(prob.nan_to_num(), judged.true_BKHW, reduction="sum")
        return (cost + 0 * prob.sum()) / (judged.pixels * prob.shape[1])

    return term


def build_bce_with_logits(spec: BceWithLogitsSpec, setting: Setting) -> Term:
    """Return the term: the mean over labeled pixels and classes of the binary cross-entropy of the
    logit's sigmoid, in nats."""
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
