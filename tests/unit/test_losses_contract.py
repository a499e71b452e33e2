"""What every loss obeys: better answers cost less, and costs and slopes are finite."""

from itertools import product

import pytest
import torch
from torch.nn import functional

from raytrain.losses import LOSSES
from tests.loss_terms import default_loss, random_answer


@pytest.mark.parametrize("name", LOSSES)
def test_a_better_answer_costs_less(name: str) -> None:
    _, target = random_answer(4, (2, 4, 5, 6))
    right = functional.one_hot(target, 4).permute(0, 3, 1, 2).double()
    wrong = right.roll(1, 1)
    answers = (40 * right - 20, right * 0, 40 * wrong - 20)
    costs = [default_loss(name)(logits, target).item() for logits in answers]
    assert costs[0] < costs[1] < costs[2]
    if name != "boundary":  # which has no lowest value of its own
        assert 0 <= costs[0] < 1e-3 < costs[1]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("shape", [(2, 4, 5, 6), (1, 2, 1, 1), (1, 4, 1, 3), (5, 3, 1, 1)])
def test_empty_and_tiny_masks_have_finite_costs(
    name: str, shape: tuple[int, int, int, int]
) -> None:
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    for case in product((0, 1), (0.0, 1.0, 1e4)):
        label, scale = case
        logits = (scale * noise).requires_grad_()
        target = torch.full((shape[0], *shape[2:]), label)
        cost = default_loss(name)(logits, target)
        cost.backward()
        assert cost.shape == ()
        assert cost.dtype == torch.float32
        assert torch.isfinite(cost), case
        assert torch.isfinite(logits.grad).all(), case


@pytest.mark.parametrize("name", LOSSES)
def test_an_empty_image_seen_as_empty_costs_nothing(name: str) -> None:
    target = torch.zeros(2, 4, 5, dtype=torch.int64)
    logits = torch.full((2, 3, 4, 5), -60.0)
    logits[:, 0] = 60
    assert default_loss(name)(logits, target).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_the_input_is_left_alone(name: str) -> None:
    logits, target = random_answer(5, (2, 3, 4, 5))
    before = logits.clone(), target.clone()
    default_loss(name)(logits, target)
    assert torch.equal(logits, before[0])
    assert torch.equal(target, before[1])


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_the_value(name: str) -> None:
    logits, target = random_answer(3, (2, 3, 3, 2))
    assert torch.autograd.gradcheck(default_loss(name), (logits.requires_grad_(), target))
