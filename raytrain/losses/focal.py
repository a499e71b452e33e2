"""The focal loss (Lin et al. 2017)."""

import torch
from torch.nn import functional

from raytrain.config.losses import FocalSpec
from raytrain.losses.judged import Judged
from raytrain.losses.setting import Setting, Term


def build_focal(spec: FocalSpec, setting: Setting) -> Term:
    """Return the term: the mean over labeled pixels of -alpha (1 - p)^gamma log p, with p the
    probability of the truth. With sigmoids or overlapping classes, it is also the mean over
    classes."""
    single = setting.target == "single_label" and spec.maps == "softmax"
    return _of_classes(spec) if single else _of_layers(spec)


def _of_classes(spec: FocalSpec) -> Term:
    def term(judged: Judged) -> torch.Tensor:
        log_BKHW = judged.logits_BKHW.log_softmax(1)
        alpha_K = _alpha(spec, log_BKHW)
        if judged.table_VK is not None:
            cost_BKHW = _cost(log_BKHW, spec.gamma) * alpha_K[:, None, None]
            return (cost_BKHW * judged.true_BKHW).sum() / judged.pixels
        log_BHW = log_BKHW.gather(1, judged.class_BHW[:, None])[:, 0]
        cost_BHW = _cost(log_BHW, spec.gamma)
        cost_BHW = cost_BHW * alpha_K[judged.class_BHW] * judged.valid_BHW
        return cost_BHW.sum() / judged.pixels

    return term


def _cost(log: torch.Tensor, gamma: float) -> torch.Tensor:
    """Return -(1 - p)^gamma log p from log p, in any shape."""
    # At 1 - p = 0 a power below 1 has an infinite slope.
    lack = (-torch.expm1(log)).clamp_min(torch.finfo(log.dtype).tiny)
    return -(lack**gamma) * log


def _alpha(spec: FocalSpec, log_BKHW: torch.Tensor) -> torch.Tensor:
    classes = log_BKHW.shape[1]
    match spec.alpha:
        case None:
            alpha: tuple[float, ...] = (1.0,) * classes
        case tuple():
            alpha = spec.alpha
        case float() if classes == 2:
            alpha = (1 - spec.alpha, spec.alpha)
        case _:
            alpha = (spec.alpha,) * classes
    return log_BKHW.new_tensor(alpha)


def _of_layers(spec: FocalSpec) -> Term:
    def term(judged: Judged) -> torch.Tensor:
        true = judged.true_BKHW
        if judged.table_VK is None:
            sign = 2 * true - 1
            cost_BKHW = _cost(functional.logsigmoid(judged.logits_BKHW * sign), spec.gamma)
        else:
            shown, absent = (
                _cost(functional.logsigmoid(sign * judged.logits_BKHW), spec.gamma)
                for sign in (1, -1)
            )
            cost_BKHW = true * shown + (1 - true) * absent
        match spec.alpha:
            case tuple():
                cost_BKHW = cost_BKHW * cost_BKHW.new_tensor(spec.alpha)[:, None, None]
            case float():
                cost_BKHW = cost_BKHW * (spec.alpha * true + (1 - spec.alpha) * (1 - true))
        if judged.target == "multi_label":
            return cost_BKHW.mean()
        cost = (cost_BKHW * judged.valid_BHW[:, None]).sum()
        return cost / (judged.pixels * cost_BKHW.shape[1])

    return term
