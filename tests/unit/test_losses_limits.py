"""Losses where numbers run out: saturated, not a number, unweighted, large and lacking a class."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from torch.nn import functional

from raytrain.config.losses import ONE_CLASS, LossTerm, loss_problems
from raytrain.config.optimizers import SgdSpec
from raytrain.config.target import Target
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.trainable import make_trainable
from raytrain.engine.training_images import class_pixels
from raytrain.engine.trial import Samples, run_trial
from raytrain.losses import LOSSES, Loss, build_loss
from raytrain.losses.setting import Setting
from tests.runs import run_of
from tests.tiny import SPEC, make_task

PIXELS = (6, 4, 2)
CASES = [
    (name, target)
    for name in LOSSES
    for target in ("single_label", "multi_label")
    if target == "single_label" or name not in ONE_CLASS
]


def _loss(value: dict, target: Target = "single_label") -> Loss:
    return build_loss((TypeAdapter(LossTerm).validate_python(value),), target, PIXELS)


def _sure(mask_BHW: torch.Tensor, classes: int, height: float) -> torch.Tensor:
    """logits_BKHW that are `height` for the true class and minus that for others."""
    true_BKHW = functional.one_hot(mask_BHW, classes).permute(0, 3, 1, 2)
    return (2.0 * true_BKHW - 1) * height


@pytest.mark.parametrize(("name", "target"), CASES)
def test_what_is_not_a_number_stays_so(name: str, target: Target) -> None:
    """The loop names the step of such a loss; a term must not raise before it can."""
    logits = torch.zeros(2, 3, 4, 5)
    logits[0, 1, 2, 3] = math.nan
    mask = torch.arange(40).reshape(2, 4, 5) % 3
    assert math.isnan(_loss({"name": name}, target)(logits, mask).item())


@pytest.mark.parametrize("target", ["single_label", "multi_label"])
@pytest.mark.parametrize("gamma", [0, 0.1, 0.5, 1, 2])
@pytest.mark.parametrize("height", [40.0, -40.0, 200.0, 1e4])
def test_focal_slopes_are_finite_however_sure_the_answer(
    target: Target, gamma: float, height: float
) -> None:
    mask = torch.zeros(1, 2, 2, dtype=torch.int64)
    logits = _sure(mask, 3, height).requires_grad_()
    cost = _loss({"name": "focal", "gamma": gamma}, target)(logits, mask)
    cost.backward()
    assert math.isfinite(cost.item())
    assert torch.isfinite(logits.grad).all()


def test_pixels_without_weight_cost_nothing() -> None:
    value = {"name": "cross_entropy", "class_weights": [0, 1, 1], "label_smoothing": 0.1}
    mask = torch.zeros(2, 4, 5, dtype=torch.int64)
    logits = torch.ones(2, 3, 4, 5, requires_grad=True)
    cost = _loss(value)(logits, mask)
    cost.backward()
    assert cost.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize("name", ["dice", "soft_dice", "generalised_dice", "jaccard", "tversky"])
@pytest.mark.parametrize("side", [16, 1024])
def test_a_wrong_answer_costs_1_at_any_size(name: str, side: int) -> None:
    mask = torch.zeros(1, side, side, dtype=torch.int64)
    mask[:, :, side // 2 :] = 1
    loss = _loss({"name": name, "background": True})
    assert loss(_sure(mask, 2, -40), mask).item() == pytest.approx(1, abs=1e-4)
    assert loss(_sure(mask, 2, 40), mask).item() == pytest.approx(0, abs=1e-4)


def test_generalised_dice_heeds_present_classes_beside_an_absent_one() -> None:
    """Class 1 of 16 px, the background of 240 px, class 2 absent and given 1/8 of 16 px."""
    mask = torch.zeros(1, 16, 16, dtype=torch.int64)
    mask[:, :4, :4] = 1
    prob = torch.tensor([1 - 2e-9, 1e-9, 1e-9]).repeat(256, 1)
    prob = prob.reshape(1, 16, 16, 3).clone()
    prob[:, :4, :4] = torch.tensor([0.125, 0.75, 0.125])
    found = _loss({"name": "generalised_dice"})(prob.log().permute(0, 3, 1, 2), mask)
    light = (16 / 240) ** 2
    both = 12 + light * 240
    total = (12 + 16) + light * (242 + 240) + 2
    assert found.item() == pytest.approx(1 - 2 * both / total, abs=1e-5)


def test_alpha_of_two_classes_weighs_the_positive_one() -> None:
    logits = torch.tensor([0.0, math.log(3)]).reshape(1, 2, 1, 1).repeat(1, 1, 1, 2)
    mask = torch.tensor([[[1, 0]]])  # true with a probability of .75 and of .25
    expected = -(0.2 * 0.0625 * math.log(0.75) + 0.8 * 0.5625 * math.log(0.25)) / 2
    value = {"name": "focal", "alpha": 0.2}
    assert _loss(value)(logits, mask).item() == pytest.approx(expected, rel=1e-6)
    alone = logits[:, 1:]
    assert _loss(value, "multi_label")(alone, mask).item() == pytest.approx(expected, rel=1e-6)


def test_a_list_of_alphas_is_one_a_class_where_they_overlap() -> None:
    logits = torch.tensor([0.0, math.log(3)]).reshape(1, 2, 1, 1)
    mask = torch.tensor([[[0b10]]])
    expected = -(5 * 0.25 * math.log(0.5) + 7 * 0.0625 * math.log(0.75)) / 2
    found = _loss({"name": "focal", "alpha": [5, 7]}, "multi_label")(logits, mask)
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_computed_weights_leave_out_classes_that_never_occur() -> None:
    assert Setting("single_label", (6, 0, 2)).balanced == (8 / 12, 1.0, 8 / 4)


@pytest.mark.parametrize("value", [
    {"name": "cross_entropy", "class_weights": [0, 0, 0]}, {"name": "focal", "alpha": [0, 0, 0]},
])  # fmt: skip
def test_weights_that_are_all_0_are_refused(value: dict) -> None:
    term = TypeAdapter(LossTerm).validate_python(value)
    [problem] = loss_problems((term,), "single_label", 3)
    expected = f"trial.loss.0 ({value['name']}): all weights are 0, so the loss would always be 0;"
    assert problem.startswith(expected)


@pytest.mark.parametrize("name", ONE_CLASS)
def test_half_precision_logits_of_one_class_are_judged_in_full(name: str) -> None:
    half = torch.randn((2, 3, 4, 5), generator=torch.Generator().manual_seed(0)).bfloat16()
    mask = torch.arange(40).reshape(2, 4, 5) % 3
    loss = _loss({"name": name})
    with torch.autocast("cpu", torch.bfloat16):
        cost = loss(half, mask)
    assert cost.dtype == torch.float32
    assert cost.item() == loss(half.float(), mask).item()


def test_class_pixels_are_those_of_the_images_trained_on(samples: Samples, tmp_path: Path) -> None:
    task = make_task(tmp_path, samples)
    rows = samples.cache.rows(task.train_ids)
    masks = np.concatenate([np.ravel(samples.cache.mask(int(row))) for row in rows])
    assert class_pixels(samples.report, samples.cache.rows(task.train_ids)) == tuple(
        np.bincount(masks, minlength=4)
    )


def test_prepare_tells_what_the_loss_cannot_do(samples: Samples, tmp_path: Path) -> None:
    terms = TypeAdapter(tuple[LossTerm, ...]).validate_python(
        [{"name": "cross_entropy", "class_weights": [1, 2]}, {"name": "focal", "alpha": [1, 2, 3]}]
    )
    task = make_task(tmp_path, samples, SPEC.model_copy(update={"loss": terms}))
    with pytest.raises(ValueError, match=r"loss\.0 .*2 weights.*\n.*loss\.1 .*3 weights"):
        make_trainable([task], run_of(tmp_path, samples.report))


@pytest.mark.parametrize("name", ["bce", "cross_entropy"])
def test_a_trial_that_diverges_names_the_step(samples: Samples, tmp_path: Path, name: str) -> None:
    terms = TypeAdapter(tuple[LossTerm, ...]).validate_python([{"name": name}])
    sgd = SgdSpec(lr=1e30)
    spec = SPEC.model_copy(update={"loss": terms, "optimizer": sgd, "ema": 0.0})
    with pytest.raises(ValueError, match=r"the loss is nan at epoch \d+, step \d+"):
        run_trial(make_task(tmp_path, samples, spec), samples, SilentReporter())
