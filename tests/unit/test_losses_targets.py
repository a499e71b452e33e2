"""Losses on pixels that nobody judged, on overlapping classes, and against other libraries."""

import numpy as np
import pytest
import segmentation_models_pytorch.losses as smp_losses
import torch
from pydantic import TypeAdapter
from scipy import ndimage
from torch.nn import functional

from raytrain.config.losses import ONE_CLASS, LossTerm, loss_problems
from raytrain.config.target import IGNORE, Target
from raytrain.losses import LOSSES, Loss, build_loss
from raytrain.losses.boundary import signed_distance

PIXELS = (6, 4, 2, 3)
OVERLAPPING = [name for name in LOSSES if name not in ONE_CLASS]


def _loss(value: dict, target: Target = "single_label") -> Loss:
    return build_loss((TypeAdapter(LossTerm).validate_python(value),), target, PIXELS)


def _batch(seed: int, channels: int, dtype: torch.dtype = torch.float64) -> tuple:
    """logits_BKHW, class numbers and bits, each of 3 images of 6x7 pixels."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn((3, channels, 6, 7), generator=generator, dtype=dtype)
    numbers = torch.randint(channels, (3, 6, 7), generator=generator)
    bits = torch.randint(1 << channels, (3, 6, 7), generator=generator)
    return logits, numbers, bits


@pytest.mark.parametrize("name", LOSSES)
def test_nobody_judged_means_no_cost_and_no_gradient(name: str) -> None:
    logits, numbers, _ = _batch(0, 4, torch.float32)
    logits.requires_grad_()
    cost = _loss({"name": name})(logits, torch.full_like(numbers, IGNORE))
    cost.backward()
    assert cost.item() == pytest.approx(0, abs=1e-6)
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize("name", LOSSES)
def test_what_stands_under_ignored_pixels_does_not_matter(name: str) -> None:
    logits, numbers, _ = _batch(1, 4)
    numbers[:, :3, :4] = IGNORE
    other = logits.clone()
    other[:, :, :3, :4] = torch.randn(3, 4, 3, 4, dtype=torch.float64) * 5
    loss = _loss({"name": name})
    assert loss(other, numbers).item() == pytest.approx(loss(logits, numbers).item(), abs=1e-12)
    logits.requires_grad_()
    loss(logits, numbers).backward()
    assert not logits.grad[:, :, :3, :4].any()
    assert logits.grad[:, :, 3:].any()


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in ("boundary",)])
def test_ignoring_a_border_is_cutting_it_off(name: str) -> None:
    logits, numbers, _ = _batch(2, 4)
    ignoring = numbers.clone()
    ignoring[:, :, 4:] = IGNORE
    loss = _loss({"name": name})
    cut = loss(logits[..., :4].contiguous(), numbers[..., :4].contiguous())
    assert loss(logits, ignoring).item() == pytest.approx(cut.item(), abs=1e-9)


@pytest.mark.parametrize("name", OVERLAPPING)
def test_one_overlapping_class_is_the_binary_case(name: str) -> None:
    """The sigmoid of a logit is the softmax of it beside a logit of 0."""
    logits, _, _ = _batch(3, 1)
    mask = torch.randint(2, (3, 6, 7), generator=torch.Generator().manual_seed(9))
    beside = torch.cat([torch.zeros_like(logits), logits], 1)
    value = {"name": name} | ({"background": False} if name == "generalised_dice" else {})
    alone, pair = _loss(value, "multi_label")(logits, mask), _loss(value)(beside, mask)
    if name != "bce_with_logits":  # which judges the logit of 0, too
        assert alone.item() == pytest.approx(pair.item(), abs=1e-9)
    assert torch.autograd.gradcheck(_loss(value, "multi_label"), (logits.requires_grad_(), mask))


# Two weigh an image's classes by each other.
@pytest.mark.parametrize("name", sorted({*OVERLAPPING} - {"lovasz", "generalised_dice"}))
def test_overlapping_classes_are_judged_one_by_one(name: str) -> None:
    logits, _, bits = _batch(4, 3)
    loss = _loss({"name": name}, "multi_label")
    alone = [loss(logits[:, k : k + 1], (bits >> k) & 1).item() for k in range(3)]
    assert loss(logits, bits).item() == pytest.approx(np.mean(alone), abs=1e-9)


@pytest.mark.parametrize("name", OVERLAPPING)
def test_a_better_answer_costs_less_where_classes_overlap(name: str) -> None:
    _, _, bits = _batch(5, 3)
    right = torch.stack([(bits >> k) & 1 for k in range(3)], 1).double() * 40 - 20
    loss = _loss({"name": name}, "multi_label")
    costs = [loss(answer, bits).item() for answer in (right, 0 * right, -right)]
    assert costs[0] < costs[1] < costs[2]


@pytest.mark.parametrize("target", ["single_label", "multi_label"])
@pytest.mark.parametrize("name", OVERLAPPING)
def test_half_precision_logits_are_judged_in_full(name: str, target: Target) -> None:
    logits, numbers, bits = _batch(6, 4, torch.float32)
    mask = numbers if target == "single_label" else bits
    loss = _loss({"name": name}, target)
    half = logits.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        cost = loss(half, mask)
    assert cost.dtype == torch.float32
    assert cost.item() == pytest.approx(loss(half.float(), mask).item(), rel=1e-6)


REFERENCES = [
    ({"name": "jaccard", "background": True}, smp_losses.JaccardLoss("multiclass"), "pooled"),
    ({"name": "tversky", "background": True},
     smp_losses.TverskyLoss("multiclass", alpha=0.3, beta=0.7), "pooled"),
    ({"name": "lovasz", "background": True},
     smp_losses.LovaszLoss("multiclass", per_image=True), "as it is"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "reference", "how"), REFERENCES)
def test_region_losses_are_those_of_segmentation_models_pytorch(value, reference, how) -> None:
    logits, numbers, _ = _batch(7, 4)
    numbers.flatten(1)[:, :4] = torch.arange(4)
    if how == "pooled":  # theirs pools the batch, ours is per image: the same for one image
        logits, numbers = logits[:1], numbers[:1]
    expected = reference(logits.float(), numbers).item()
    assert _loss(value)(logits, numbers).item() == pytest.approx(expected, abs=1e-4)


def test_focal_loss_is_that_of_torchvision() -> None:
    from torchvision.ops import sigmoid_focal_loss

    logits, _, bits = _batch(8, 3)
    true = torch.stack([(bits >> k) & 1 for k in range(3)], 1).double()
    expected = sigmoid_focal_loss(logits, true, alpha=0.2, gamma=2, reduction="mean").item()
    found = _loss({"name": "focal", "alpha": 0.2}, "multi_label")(logits, bits)
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_cross_entropy_with_weights_is_torchs() -> None:
    logits, numbers, _ = _batch(10, 4)
    numbers[0, :2] = IGNORE
    weights = torch.tensor([0.1, 0.3, 0.3, 0.2], dtype=torch.float64)
    expected = functional.cross_entropy(
        logits, numbers, weights, ignore_index=IGNORE, label_smoothing=0.1
    )
    value = {"name": "cross_entropy", "class_weights": weights.tolist(), "label_smoothing": 0.1}
    assert _loss(value)(logits, numbers).item() == pytest.approx(expected.item(), rel=1e-9)


def test_generalised_dice_is_numpys() -> None:
    logits, numbers, _ = _batch(11, 4)
    prob = logits.softmax(1).numpy()
    scores = []
    for image in range(3):
        true = np.stack([(numbers[image] == k).numpy() for k in range(4)])
        weight = 1 / np.maximum(true.sum((1, 2)), 1) ** 2
        both = (weight * (prob[image] * true).sum((1, 2))).sum()
        scores.append(2 * both / (weight * (prob[image] + true).sum((1, 2))).sum())
    found = _loss({"name": "generalised_dice"})(logits, numbers)
    assert found.item() == pytest.approx(1 - np.mean(scores), abs=1e-4)


def test_distances_to_the_border_are_scipys() -> None:
    layer_HW = np.zeros((9, 12), bool)
    layer_HW[2:6, 3:9] = True
    found = signed_distance(layer_HW) * np.hypot(9, 12)
    other = np.argwhere(~layer_HW)
    for y, x in np.argwhere(layer_HW):
        nearest = np.sqrt(((other - (y, x)) ** 2).sum(1).min())
        assert found[y, x] == pytest.approx(0.5 - nearest)
    assert found[0, 0] == pytest.approx(np.hypot(2, 3) - 0.5)
    assert (signed_distance(np.zeros((3, 4), bool)) == 1).all()
    assert (signed_distance(np.ones((3, 4), bool)) == -1).all()
    assert ndimage.label(found < 0)[1] == 1


def test_what_a_loss_cannot_do_is_told_at_once() -> None:
    terms = TypeAdapter(tuple[LossTerm, ...]).validate_python(
        [{"name": "cross_entropy", "class_weights": [1, 2]}, {"name": "dice"},
         {"name": "topk_cross_entropy"}, {"name": "focal", "alpha": [1, 2, 3]}]
    )  # fmt: skip
    assert loss_problems(terms, "single_label", 4) == [
        "trial.loss.0 (cross_entropy): 2 weights for 4 classes; give each class one",
        "trial.loss.3 (focal): 3 weights for 4 classes; give each class one",
    ]
    overlapping = loss_problems(terms, "multi_label", 4)
    assert [line.split(":")[0] for line in overlapping] == [
        "trial.loss.0 (cross_entropy)", "trial.loss.0 (cross_entropy)",
        "trial.loss.2 (topk_cross_entropy)",
    ]  # fmt: skip
    assert "use bce_with_logits" in overlapping[0]
