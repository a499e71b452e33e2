"""Losses against MONAI, whose conventions differ where the tests say so."""

from typing import Any

import monai.losses as theirs
import numpy as np
import pytest
import torch
from monai.losses.unified_focal_loss import AsymmetricFocalTverskyLoss
from pydantic import TypeAdapter
from torch.nn import functional

from raytrain.config.losses import LossTerm
from raytrain.config.target import IGNORE, Target
from raytrain.losses import build_loss

CLASSES = 4
OURS = 1e-5
"""What our fractions add to both halves, in pixels; MONAI's can be told to."""


def _loss(
    values: dict[str, Any], logits: torch.Tensor, mask: torch.Tensor, target: Target
) -> torch.Tensor:
    term = TypeAdapter(LossTerm).validate_python({"weight": 1.0, **values})
    return build_loss((term,), target, (1,) * CLASSES)(logits, mask)


def _batch(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """logits_BKHW float64 and classes_BHW; image 0 lacks the last class."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn((3, CLASSES, 9, 7), generator=generator, dtype=torch.float64)
    classes = torch.randint(CLASSES, (3, 9, 7), generator=generator)
    classes[0] %= CLASSES - 1
    return logits, classes


def _agree(values: dict[str, Any], reference: Any, factor: float, target: Target) -> None:
    """Value and gradient are those of MONAI times `factor`."""
    logits, mask = _batch(0)
    if target == "multi_label":
        generator = torch.Generator().manual_seed(1)
        mask = torch.randint(1 << CLASSES, mask.shape, generator=generator)
        bits = [(mask >> bit) & 1 for bit in range(CLASSES)]
        truth = torch.stack(bits, 1).double()
    else:
        truth = functional.one_hot(mask, CLASSES).permute(0, 3, 1, 2).double()
    pair = [logits.clone().requires_grad_() for _ in range(2)]
    found = _loss(values, pair[0], mask, target)
    expected = reference(pair[1], truth) * factor
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    found.backward()
    expected.backward()
    # MONAI's focal loss and weights are float32.
    torch.testing.assert_close(pair[0].grad, pair[1].grad, rtol=1e-4, atol=1e-7)


REGIONS = [
    # Ours pools the batch.
    ("dice", theirs.DiceLoss, {"batch": True}),
    ("soft_dice", theirs.DiceLoss, {"squared_pred": True}),
    # MONAI's fraction is of twice the pixels.
    ("jaccard", theirs.DiceLoss, {"jaccard": True, "smooth_nr": 2 * OURS, "smooth_dr": 2 * OURS}),
    ("tversky", theirs.TverskyLoss, {"alpha": 0.3, "beta": 0.7}),
    # Ours scales the weights so that the constant never matters; without it they are the same.
    ("generalised_dice", theirs.GeneralizedDiceLoss, {"smooth_nr": 0, "smooth_dr": 0}),
]


@pytest.mark.parametrize(("name", "reference", "values"), REGIONS, ids=lambda value: str(value)[:9])
@pytest.mark.parametrize("background", [False, True])
def test_region_losses_of_single_labels(
    name: str, reference: Any, values: dict[str, Any], background: bool
) -> None:
    monai_loss = reference(softmax=True, include_background=background, **values)
    _agree({"name": name, "background": background}, monai_loss, 1.0, "single_label")


@pytest.mark.parametrize(("name", "reference", "values"), REGIONS, ids=lambda value: str(value)[:9])
def test_region_losses_of_overlapping_classes(
    name: str, reference: Any, values: dict[str, Any]
) -> None:
    _agree({"name": name}, reference(sigmoid=True, **values), 1.0, "multi_label")


@pytest.mark.parametrize(
    ("name", "reference", "values"), REGIONS[:4], ids=lambda value: str(value)[:9]
)
def test_region_losses_ignore_what_monai_ignores(
    name: str, reference: Any, values: dict[str, Any]
) -> None:
    logits, classes = _batch(2)
    classes[:, :4, :3] = IGNORE
    monai_loss = reference(softmax=True, to_onehot_y=True, ignore_index=IGNORE, **values)
    expected = monai_loss(logits, classes[:, None])
    found = _loss({"name": name, "background": True}, logits, classes, "single_label")
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
@pytest.mark.parametrize("alpha", [None, (0.1, 0.2, 0.3, 0.4)])
def test_focal_of_single_labels(gamma: float, alpha: tuple[float, ...] | None) -> None:
    # MONAI divides by pixels and classes, ours by pixels.
    reference = theirs.FocalLoss(use_softmax=True, gamma=gamma, alpha=alpha)
    values = {"name": "focal", "gamma": gamma, "alpha": alpha}
    _agree(values, reference, CLASSES, "single_label")


@pytest.mark.parametrize("alpha", [None, 0.25])
def test_focal_of_overlapping_classes(alpha: float | None) -> None:
    reference = theirs.FocalLoss(alpha=alpha)
    _agree({"name": "focal", "alpha": alpha}, reference, 1.0, "multi_label")


@pytest.mark.parametrize("alpha", [None, 0.25])
def test_focal_with_sigmoids(alpha: float | None) -> None:
    values = {"name": "focal", "alpha": alpha, "maps": "sigmoid"}
    _agree(values, theirs.FocalLoss(alpha=alpha), 1.0, "single_label")
    logits, classes = _batch(2)
    whole = _loss(values, logits[:, :, 4:], classes[:, 4:], "single_label")
    classes[:, :4] = IGNORE
    assert _loss(values, logits, classes, "single_label").item() == pytest.approx(whole.item())


@pytest.mark.parametrize("power", [1, 2])
def test_dice_of_images(power: int) -> None:
    reference = theirs.DiceLoss(
        softmax=True, squared_pred=power == 2, smooth_nr=1, smooth_dr=1, batch=False
    )
    values = {"name": "dice", "over": "images", "power": power, "smooth": 1, "background": True}
    _agree(values, reference, 1.0, "single_label")


def test_focal_of_two_classes_weighs_what_is_positive() -> None:
    logits, classes = _batch(3)
    found = _loss({"name": "focal", "alpha": 0.25}, logits[:, :2], classes % 2, "single_label")
    reference = theirs.FocalLoss(use_softmax=True, alpha=0.25, to_onehot_y=True)
    expected = 2 * reference(logits[:, :2], classes[:, None] % 2)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def test_focal_tversky_of_the_foreground() -> None:
    # MONAI has it for two classes, the background without the power, which is 1 - gamma. Ours
    # stays clear of the endless slope at 0 and is shifted by what that costs.
    logits, classes = _batch(4)
    logits, classes = logits[:, :2], classes % 2
    reference = AsymmetricFocalTverskyLoss(
        delta=0.7, gamma=0.25, to_onehot_y=True, reduction="none"
    )
    expected = reference(logits.softmax(1), classes[:, None])[:, 1].mean()
    found = _loss({"name": "focal_tversky"}, logits, classes, "single_label")
    assert found.item() == pytest.approx(expected.item() - OURS**0.75, rel=1e-6)


def test_boundary_is_half_a_pixel_from_monais() -> None:
    # MONAI measures from the inner pixels of the border, in pixels; ours from the border itself,
    # half a pixel further out, in image diagonals.
    logits, classes = _batch(5)
    classes[0, 0, 0] = CLASSES - 1
    truth = functional.one_hot(classes, CLASSES).permute(0, 3, 1, 2).double()
    expected = theirs.BoundaryLoss(softmax=True)(logits, truth)
    diagonal = float(np.hypot(9, 7))
    found = _loss({"name": "boundary", "background": True}, logits, classes, "single_label")
    half = 0.5 * logits.softmax(1).mean()
    assert found.item() == pytest.approx((expected - half).item() / diagonal, rel=1e-6)


def test_the_weighted_sum_of_cross_entropy_and_dice() -> None:
    logits, classes = _batch(6)
    # MONAI's cross-entropy is over all classes, whatever `include_background` says of its Dice.
    reference = theirs.DiceCELoss(
        include_background=False, to_onehot_y=True, softmax=True, batch=True,
        lambda_ce=1.3, lambda_dice=0.7,
    )  # fmt: skip
    terms = ({"name": "cross_entropy", "weight": 1.3}, {"name": "dice", "weight": 0.7})
    specs = tuple(TypeAdapter(LossTerm).validate_python(term) for term in terms)
    found = build_loss(specs, "single_label", (1,) * CLASSES)(logits, classes)
    assert found.item() == pytest.approx(reference(logits, classes[:, None]).item(), rel=1e-6)
