"""Losses: a table worked by hand, and references written elsewhere."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from segmentation_models_pytorch.losses import DiceLoss
from torch.nn import functional

from raytrain.config.losses import (
    BceSpec,
    BceWithLogitsSpec,
    BoundarySpec,
    CrossEntropySpec,
    DiceSpec,
    FocalSpec,
    FocalTverskySpec,
    GeneralisedDiceSpec,
    JaccardSpec,
    LovaszSpec,
    SoftDiceSpec,
    TopKCrossEntropySpec,
    TverskySpec,
)
from raytrain.losses import LOSSES, build_loss
from raytrain.losses.overlap import EPSILON
from tests.loss_terms import PIXELS, default_loss, loss_of, random_answer

# Two images of 1x2 pixels, three classes: probabilities per pixel, and the true classes.
PROBABILITIES = [
    [[0.2, 0.5, 0.3], [0.1, 0.3, 0.6]],
    [[0.8, 0.1, 0.1], [0.8, 0.1, 0.1]],
]
TARGET = torch.tensor([[[1, 2]], [[0, 0]]])
LN = math.log
LIFT = math.exp(3.5)
"""What is added to the logits, as a factor of exp(logit)."""


def _absent(total: float) -> float:
    """Dice of a class that the truth lacks, for the sum of its (squared) probabilities."""
    return EPSILON / (total + EPSILON)


# Of image 0, of class 1 (2): TP .5 (.6), FP .3 (.3), FN .5 (.4). Of both images pooled, class 1:
# TP .5, FP .5, FN .5; class 2: TP .6, FP .5, FN .4.
TABLE = [
    (CrossEntropySpec(), [0], -(LN(0.5) + LN(0.6)) / 2),
    (CrossEntropySpec(), [0, 1], -(LN(0.5) + LN(0.6) + 2 * LN(0.8)) / 4),
    (
        CrossEntropySpec(label_smoothing=0.3),
        [0],
        -(0.8 * LN(0.5) + 0.1 * LN(0.2 * 0.3) + 0.8 * LN(0.6) + 0.1 * LN(0.1 * 0.3)) / 2,
    ),
    (CrossEntropySpec(class_weights=(1, 3, 5)), [0], -(3 * LN(0.5) + 5 * LN(0.6)) / 8),
    # Computed from PIXELS: 12 / (3 * 6), 12 / (3 * 4), 12 / (3 * 2).
    (
        CrossEntropySpec(class_weights="computed"),
        [0, 1],
        -(LN(0.5) + 2 * LN(0.6) + 4 / 3 * LN(0.8)) / (1 + 2 + 4 / 3),
    ),
    (TopKCrossEntropySpec(share=0.5), [0, 1], -(LN(0.5) + LN(0.8)) / 2),
    (TopKCrossEntropySpec(share=0.51), [0], -(LN(0.5) + LN(0.6)) / 2),
    (
        BceSpec(),
        [0],
        -(LN(0.5) + LN(0.6) + LN(0.8 * 0.7) + LN(0.9 * 0.7)) / 6,
    ),
    (
        BceWithLogitsSpec(),
        [0],
        -sum(LN(LIFT * p / (LIFT * p + 1)) for p in (0.5, 0.6)) / 6
        - sum(LN(1 / (LIFT * p + 1)) for p in (0.2, 0.3, 0.1, 0.3)) / 6,
    ),
    (
        BceWithLogitsSpec(positive_weight=4),
        [0],
        -4 * sum(LN(LIFT * p / (LIFT * p + 1)) for p in (0.5, 0.6)) / 6
        - sum(LN(1 / (LIFT * p + 1)) for p in (0.2, 0.3, 0.1, 0.3)) / 6,
    ),
    (FocalSpec(), [0], -(0.25 * LN(0.5) + 0.16 * LN(0.6)) / 2),
    (FocalSpec(alpha=0.25, gamma=1), [0], -0.25 * (0.5 * LN(0.5) + 0.4 * LN(0.6)) / 2),
    (FocalSpec(alpha=(9, 1, 3)), [0], -(0.25 * LN(0.5) + 3 * 0.16 * LN(0.6)) / 2),
    (FocalSpec(gamma=0), [0, 1], -(LN(0.5) + LN(0.6) + 2 * LN(0.8)) / 4),
    # With sigmoids p / (p + 1 / LIFT), as for bce_with_logits.
    (
        FocalSpec(alpha=0.25, maps="sigmoid"),
        [0],
        -sum(
            weight * (1 - p) ** 2 * LN(p)
            for weight, p in (
                *((0.25, LIFT * p / (LIFT * p + 1)) for p in (0.5, 0.6)),
                *((0.75, 1 / (LIFT * p + 1)) for p in (0.2, 0.3, 0.1, 0.3)),
            )
        )
        / 6,
    ),
    (DiceSpec(), [0], 1 - (1 / 1.8 + 1.2 / 1.9) / 2),
    (DiceSpec(background=True), [0], 1 - (_absent(0.3) + 1 / 1.8 + 1.2 / 1.9) / 3),
    (DiceSpec(), [0, 1], 1 - (1 / 2 + 1.2 / 2.1) / 2),
    (DiceSpec(background=True), [0, 1], 1 - (3.2 / 3.9 + 1 / 2 + 1.2 / 2.1) / 3),
    (DiceSpec(over="images"), [0, 1], 1 - (1 / 1.8 + 1.2 / 1.9 + 2 * _absent(0.2)) / 4),
    (
        DiceSpec(over="images", power=2, smooth=1, background=True),
        [0, 1],
        1 - (1 / 1.05 + 2 / 2.34 + 2.2 / 2.45 + 4.2 / 4.28 + 2 / 1.02) / 6,
    ),
    (SoftDiceSpec(), [0], 1 - (1 / 1.34 + 1.2 / 1.45) / 2),
    (SoftDiceSpec(background=True), [0], 1 - (_absent(0.05) + 1 / 1.34 + 1.2 / 1.45) / 3),
    (SoftDiceSpec(), [0, 1], 1 - (1 / 1.34 + 1.2 / 1.45 + 2 * _absent(0.02)) / 4),
    (
        SoftDiceSpec(background=True),
        [0, 1],
        1 - (_absent(0.05) + 1 / 1.34 + 1.2 / 1.45 + 3.2 / 3.28 + 2 * _absent(0.02)) / 6,
    ),
    # Every class weighs the same: of a pixel each in image 0, as the background in image 1.
    (GeneralisedDiceSpec(), [0], 1 - 2 * 1.1 / (0.3 + 1.8 + 1.9)),
    (GeneralisedDiceSpec(), [1], 1 - 2 * 1.6 / (3.6 + 0.2 + 0.2)),
    (JaccardSpec(), [0], 1 - (0.5 / 1.3 + 0.6 / 1.3) / 2),
    (TverskySpec(), [0], 1 - (0.5 / (0.5 + 0.09 + 0.35) + 0.6 / (0.6 + 0.09 + 0.28)) / 2),
    (
        FocalTverskySpec(alpha=0.5, beta=0.5, gamma=2),
        [0],
        ((1 - 0.5 / 0.9) ** 2 + (1 - 0.6 / 0.95) ** 2) / 2,
    ),
    # Class 1: errors .5 (true) and .3; the first alone costs 1 of IoU, the second nothing more.
    # Class 2: errors .4 (true) and .3 likewise.
    (LovaszSpec(), [0], (0.5 + 0.4) / 2),
    # Image 1 shows the background only: both errors .2 are true, each costs half.
    (LovaszSpec(background=True), [1], 0.2),
    (LovaszSpec(), [1], 0.1),
    # Pixels at a border lie half a pixel from it: -.5 and .5, each of a diagonal of sqrt(5).
    (BoundarySpec(), [0], 0.5 * (0.3 - 0.5 + 0.3 - 0.6) / 4 / math.sqrt(5)),
    (BoundarySpec(), [1], 0.1),
]


def _logits(images: list[int]) -> torch.Tensor:
    """logits_BKHW whose softmax is the table; a constant per pixel is added, as it may be."""
    probabilities = torch.tensor(PROBABILITIES, dtype=torch.float64)[images]
    return (probabilities.log() + 3.5).permute(0, 2, 1)[:, :, None]


@pytest.mark.parametrize(("spec", "images", "expected"), TABLE)
def test_a_loss_is_what_the_hand_says(spec, images: list[int], expected: float) -> None:
    found = loss_of(spec)(_logits(images), TARGET[images])
    assert found.shape == ()
    assert found.item() == pytest.approx(expected, abs=2e-5)


def test_no_two_losses_are_the_same() -> None:
    logits = _logits([0, 1])
    values = {name: default_loss(name)(logits, TARGET).item() for name in LOSSES}
    for one, other in combinations(values, 2):
        assert abs(values[one] - values[other]) > 1e-3, (one, other)


@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_cross_entropy_is_numpys(smoothing: float) -> None:
    logits, target = random_answer(0, (3, 4, 5, 6))
    scores = logits.numpy()
    log_softmax = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    truth = np.eye(4)[target.numpy()].transpose(0, 3, 1, 2)
    soft = truth * (1 - smoothing) + smoothing / 4
    expected = -(soft * log_softmax).sum(1).mean()
    found = loss_of(CrossEntropySpec(label_smoothing=smoothing))(logits, target)
    assert found.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("background", [False, True])
def test_dice_is_that_of_segmentation_models_pytorch(background: bool) -> None:
    logits, target = random_answer(1, (3, 4, 5, 6))
    classes = None if background else [1, 2, 3]
    expected = DiceLoss("multiclass", classes=classes, from_logits=True)(logits, target)
    found = loss_of(DiceSpec(background=background))(logits, target)
    assert found.item() == pytest.approx(expected.item(), abs=1e-5)


@pytest.mark.parametrize("background", [False, True])
def test_soft_dice_is_numpys(background: bool) -> None:
    logits, target = random_answer(2, (3, 4, 5, 6))
    prob = functional.softmax(logits, 1).numpy()
    scores = []
    for image in range(3):
        for label in range(0 if background else 1, 4):
            p, t = prob[image, label], (target[image] == label).numpy()
            scores.append(2 * p[t].sum() / ((p**2).sum() + t.sum()))
    found = loss_of(SoftDiceSpec(background=background))(logits, target)
    assert found.item() == pytest.approx(1 - np.mean(scores), abs=1e-5)


def test_a_loss_is_the_weighted_sum_of_its_terms() -> None:
    logits, target = random_answer(6, (2, 4, 5, 6))
    terms = (CrossEntropySpec(weight=2.0), DiceSpec(weight=0.25, background=True), SoftDiceSpec())
    parts = [loss_of(term)(logits, target).item() for term in terms]
    total = build_loss(terms, "single_label", PIXELS)(logits, target)
    assert total.shape == ()
    assert total.item() == pytest.approx(2 * parts[0] + 0.25 * parts[1] + parts[2], rel=1e-12)
    first = build_loss(terms[:1], "single_label", PIXELS)(logits, target)
    assert first.item() == pytest.approx(2 * parts[0], rel=1e-12)
