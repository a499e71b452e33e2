"""Cross-entropy on the softmax over classes, over all pixels or the hardest ones."""

import torch

from raytrain.config.losses import CrossEntropySpec, TopKCrossEntropySpec
from raytrain.losses.judged import Judged
from raytrain.losses.setting import Setting, Term


def build_cross_entropy(spec: CrossEntropySpec, setting: Setting) -> Term:
    """Return the term: the mean over labeled pixels of -log softmax at the true class, in nats.

    With class weights it is the weighted mean, which is 0 if all weights of the pixels are 0. With
    weights, results with one worker and with several differ.
    """
    weights = setting.balanced if spec.class_weights == "computed" else spec.class_weights

    def term(judged: Judged) -> torch.Tensor:
        logits = judged.logits_BKHW
        weight_K = None if weights is None else logits.new_tensor(weights)
        loss = judged.cross_entropy("sum", weight_K, spec.label_smoothing)
        if weight_K is None:
            return loss / judged.pixels
        if judged.table_VK is None:
            total = (weight_K[judged.class_BHW] * judged.valid_BHW).sum()
        else:
            total = (weight_K[:, None, None] * judged.true_BKHW).sum()
        # Label smoothing has a cost even if the true class has weight 0.
        weighed = total > 0
        return torch.where(weighed, loss, 0) / torch.where(weighed, total, 1)

    return term


def build_topk_cross_entropy(spec: TopKCrossEntropySpec, setting: Setting) -> Term:
    """Return the term: the mean over images of the mean cross-entropy (nats) of their hardest
    pixels, which are the share `spec.share` of the labeled pixels."""
    del setting

    def term(judged: Judged) -> torch.Tensor:
        loss_BHW = judged.cross_entropy("none")
        # Ignored pixels cost 0 and so come last.
        loss_BN = loss_BHW.flatten(1).sort(1, descending=True).values
        kept_B = (judged.valid_BHW.flatten(1).sum(1) * spec.share).ceil().clamp_min(1)
        place_N = torch.arange(loss_BN.shape[1], device=loss_BN.device)
        hardest_BN = torch.where(place_N < kept_B[:, None], loss_BN, 0)
        return (hardest_BN.sum(1) / kept_B).mean()

    return term
