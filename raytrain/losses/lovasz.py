"""The Lovasz extension of 1 - IoU (Berman et al. 2018)."""

import torch

from raytrain.config.losses import LovaszSpec
from raytrain.losses.judged import Judged
from raytrain.losses.setting import Setting, Term


def build_lovasz(spec: LovaszSpec, setting: Setting) -> Term:
    """Return the term: the Lovasz extension of 1 - IoU, as the mean over the classes that occur in
    an image, then over images. For an image without any class, it is the mean probability of the
    classes."""
    del setting

    def term(judged: Judged) -> torch.Tensor:
        first = judged.first(spec.background)
        prob_BKN = judged.prob_BKHW[:, first:].flatten(2)
        true_BKN = judged.true_BKHW[:, first:].flatten(2)
        error_BKN, order_BKN = (true_BKN - prob_BKN).abs().sort(-1, descending=True)
        slope_BKN = _slopes(true_BKN.gather(-1, order_BKN))
        cost_BK = (error_BKN * slope_BKN).sum(-1)
        occurs_BK = true_BKN.any(-1)
        count_B = occurs_BK.sum(1)
        with_B = torch.where(occurs_BK, cost_BK, 0).sum(1) / count_B.clamp_min(1)
        pixels_B = judged.valid_BHW.flatten(1).sum(1).clamp_min(1)
        without_B = prob_BKN.sum(2).mean(1) / pixels_B
        return torch.where(count_B > 0, with_B, without_B).mean()

    return term


def _slopes(sorted_true_BKN: torch.Tensor) -> torch.Tensor:
    """Return each error's weight: the increase of the Jaccard loss when the error is added to the
    larger ones."""
    total_BK1 = sorted_true_BKN.sum(-1, keepdim=True)
    hit_BKN = total_BK1 - sorted_true_BKN.cumsum(-1)
    union_BKN = total_BK1 + (1 - sorted_true_BKN).cumsum(-1)
    jaccard_BKN = 1 - hit_BKN / union_BKN
    return torch.diff(jaccard_BKN, dim=-1, prepend=torch.zeros_like(total_BK1))
