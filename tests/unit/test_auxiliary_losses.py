"""What deep supervision and the image-level head add to the loss, worked out by hand."""

import math

import pytest
import torch

from raytrain.config.auxiliary import DeepSupervisionSpec, PresenceSpec
from raytrain.config.losses import BceSpec, CrossEntropySpec, DiceSpec
from raytrain.config.target import IGNORE
from raytrain.config.trial import TrialSpec
from raytrain.engine.training_loss import training_loss
from raytrain.losses import build_loss
from raytrain.models.heads import Outputs


def test_the_loss_is_the_weighted_mean_over_scales_by_hand() -> None:
    spec = TrialSpec(deep_supervision=DeepSupervisionSpec(weights=(0.5, 0.25)))
    # One pixel of class 1 of two: probabilities 1/2, 1/4 and 1/8.
    logits = [torch.tensor([[[[0.0]], [[-math.log(odds)]]]]) for odds in (1.0, 3.0, 7.0)]
    mask = torch.ones(1, 1, 1, dtype=torch.int64)
    loss = training_loss(spec, "single_label", (1, 1))
    found = loss(Outputs(logits[0], tuple(logits[1:]), None), mask)
    by_hand = math.log(2) * (1 + 0.5 * 2 + 0.25 * 3) / 1.75
    assert found.item() == pytest.approx(by_hand, rel=1e-6)
    # In evaluation, the maps' own.
    assert loss(logits[0], mask).item() == pytest.approx(math.log(2), rel=1e-6)


def test_every_term_is_taken_at_every_scale() -> None:
    terms = (CrossEntropySpec(weight=0.5), DiceSpec(weight=2.0))
    spec = TrialSpec(loss=terms, deep_supervision=DeepSupervisionSpec(weights=(0.3,)))
    main, side = torch.randn(2, 2, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    mask = torch.randint(3, (2, 5, 6), generator=torch.Generator().manual_seed(1))
    plain = build_loss(terms, "single_label", (1, 1, 1))
    found = training_loss(spec, "single_label", (1, 1, 1))(Outputs(main, (side,), None), mask)
    assert found.item() == pytest.approx((plain(main, mask) + 0.3 * plain(side, mask)).item() / 1.3)


def test_presence_is_learnt_from_the_mask_by_hand() -> None:
    spec = TrialSpec(presence=PresenceSpec(weight=2.0))
    logits = torch.zeros(3, 3, 1, 2)
    # Class 2 and the background; class 1 beside a pixel nobody judged; nothing judged at all.
    mask = torch.tensor([[[2, 0]], [[1, IGNORE]], [[IGNORE, IGNORE]]])
    odds = torch.tensor([[3.0, 4.0], [1.0, 1.0], [9.0, 9.0]])
    found = training_loss(spec, "single_label", (1, 1, 1))(Outputs(logits, (), odds.log()), mask)
    first = -(math.log(1 / 4) + math.log(4 / 5)) / 2
    second = -(math.log(1 / 2) + math.log(1 / 2)) / 2
    assert found.item() == pytest.approx(math.log(3) + 2 * (first + second) / 2, rel=1e-6)
    spec = spec.model_copy(update={"loss": (BceSpec(),)})
    overlapping = training_loss(spec, "multi_label", (1, 1, 1))
    both = overlapping(Outputs(logits[:1, :2], (), odds[:1].log()), torch.tensor([[[0, 3]]]))
    # Both classes are there; the maps cost log 2 each.
    by_hand = math.log(2) - 2 * (math.log(3 / 4) + math.log(4 / 5)) / 2
    assert both.item() == pytest.approx(by_hand, rel=1e-6)
