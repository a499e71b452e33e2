"""An example of `extend: own_parts.py`: a network, a loss and a metric beside raytrain's.

extend: own_parts.py
competition: {metric: {name: worst_dice, background: false}}
trial:
  model: {name: two_convolutions, width: 16}
  loss: [{name: cross_entropy}, {name: log_dice, weight: 0.5}]
"""

from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from raytrain.config.extend import OwnLoss, OwnMetric, OwnModel
from raytrain.losses.judged import Judged
from raytrain.losses.setting import Setting
from raytrain.metrics.evidence import Evidence


class TwoConvolutionsSpec(OwnModel):
    """A convolution of 3x3 px and one of 1x1."""

    name: Literal["two_convolutions"] = "two_convolutions"
    width: int = Field(8, ge=1)


def build_two_convolutions(spec: TwoConvolutionsSpec, channels: int, classes: int) -> nn.Module:
    """A network that gives logits_BKHW of the images' size."""
    return nn.Sequential(
        nn.Conv2d(channels, spec.width, 3, padding=1), nn.ReLU(), nn.Conv2d(spec.width, classes, 1)
    )


class LogDiceSpec(OwnLoss):
    """-log of the Dice of the whole batch, each class by itself."""

    name: Literal["log_dice"] = "log_dice"


def build_log_dice(spec: LogDiceSpec, setting: Setting) -> Callable[[Judged], torch.Tensor]:
    """A function of what the network says and what is true."""

    def loss(judged: Judged) -> torch.Tensor:
        both_K = (judged.prob_BKHW * judged.true_BKHW).sum((0, 2, 3))
        all_K = (judged.prob_BKHW + judged.true_BKHW).sum((0, 2, 3))
        return -((2 * both_K + 1) / (all_K + 1)).log().mean()

    return loss


class WorstDiceSpec(OwnMetric):
    """The Dice of the whole set's worst class."""

    name: Literal["worst_dice"] = "worst_dice"
    background: bool = True


def worst_dice(spec: WorstDiceSpec, evidence: Evidence) -> float:
    """A score, higher is better, from pixel counts of every image and class."""
    first = 0 if spec.background else 1
    true_K, false_K, missed_K = evidence.counts_NK3.sum(0)[first:].T
    return float((2 * true_K / (2 * true_K + false_K + missed_K).clip(1)).min())


MODELS = {TwoConvolutionsSpec: build_two_convolutions}
LOSSES = {LogDiceSpec: build_log_dice}
METRICS = {WorstDiceSpec: worst_dice}
