"""Soft labels: probabilities as numbers, in masks, in the plan of an epoch, and in losses."""

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from scipy.special import expit, softmax

from raytrain.config.losses import LossTerm
from raytrain.config.target import IGNORE, Target
from raytrain.config.trial import TrialSpec
from raytrain.data.epoch_plan import EpochPlan, SoftWindows
from raytrain.data.soft_labels import FIRST, NUMBERS, Probabilities, SoftCache, with_soft_labels
from raytrain.losses import LOSSES, build_loss
from raytrain.runs.files import DamagedError
from raytrain.runs.layout import RunDir
from raytrain.runs.soft import SoftSource, soft_path
from tests.tiny import draw_samples

SINGLE, MULTI = Probabilities(3, "single_label"), Probabilities(3, "multi_label")


@pytest.mark.parametrize(
    ("labels", "prob", "number", "decoded"),
    [
        (SINGLE, (1, 0, 0), 0, (1, 0, 0)),
        (SINGLE, (0.001, 0.001, 0.998), 2, (0, 0, 1)),
        # The first pair is class 0 before class 1, in steps of .5 % from .5 on.
        (SINGLE, (0.5, 0.5, 0), FIRST, (0.5, 0.5, 0)),
        (SINGLE, (0.75, 0.25, 0), FIRST + 50, (0.75, 0.25, 0)),
        (SINGLE, (0.6, 0, 0.4), FIRST + 100 + 20, (0.6, 0, 0.4)),
        (SINGLE, (0.4, 0.6, 0), FIRST + 200 + 20, (0.4, 0.6, 0)),
        (SINGLE, (0, 0.25, 0.75), FIRST + 500 + 50, (0, 0.25, 0.75)),
        # The third class is left out.
        (SINGLE, (0.6, 0.2, 0.2), FIRST + 50, (0.75, 0.25, 0)),
        (MULTI, (0, 0), 0, (0, 0)),
        (MULTI, (1, 0), 1, (1, 0)),
        (MULTI, (1, 1), 3, (1, 1)),
        (MULTI, (0.5, 0), FIRST + 100, (0.5, 0)),
        (MULTI, (0.1, 0.9), FIRST + 20 + 201 * 180, (0.1, 0.9)),
    ],
)
def test_numbers_by_hand(labels: Probabilities, prob, number: int, decoded) -> None:
    found_HW = labels.numbers(np.array(prob, np.float64)[:, None, None])
    assert found_HW.tolist() == [[number]]
    assert labels.prob_VK[number] == pytest.approx(decoded)


@pytest.mark.parametrize(
    ("classes", "target"),
    [(2, "single_label"), (4, "single_label"), (30, "single_label"), (255, "single_label"),
     (2, "multi_label"), (4, "multi_label"), (9, "multi_label")],
)  # fmt: skip
def test_a_number_means_the_probabilities_up_to_half_a_step(classes: int, target: Target) -> None:
    labels = Probabilities(classes, target)
    logit = np.random.default_rng(0).normal(0, 4, (classes - (target == "multi_label"), 60, 50))
    prob_KHW = softmax(logit, 0) if target == "single_label" else expit(logit)
    number_HW = labels.numbers(prob_KHW)
    assert number_HW.dtype == np.uint16
    assert len(labels.prob_VK) <= NUMBERS
    decoded_KHW = labels.prob_VK[number_HW].transpose(2, 0, 1)
    if target == "single_label":
        two_KHW = np.where(prob_KHW >= np.sort(prob_KHW, 0)[-2], prob_KHW, 0)
        expected_KHW, half = two_KHW / two_KHW.sum(0), 1 / (4 * labels.steps)
        np.testing.assert_allclose(decoded_KHW.sum(0), 1, rtol=1e-6)
        assert labels.prob_VK[: min(classes, FIRST - 1)].argmax(1).tolist() == [*range(classes)]
    else:
        expected_KHW, half = prob_KHW, 1 / (2 * labels.steps)
    np.testing.assert_allclose(decoded_KHW, expected_KHW, atol=half + 1e-6)


def test_unlabeled_pixels_have_no_class() -> None:
    assert SINGLE.prob_VK[IGNORE].tolist() == [0, 0, 0]


def _term(name: str, target: Target, table_VK: torch.Tensor | None):
    term = TypeAdapter(LossTerm).validate_python({"name": name})
    return build_loss((term,), target, (40, 9, 7), table_VK)


@pytest.mark.parametrize("target", ["single_label", "multi_label"])
@pytest.mark.parametrize("name", LOSSES)
def test_certain_labels_cost_the_same_in_a_training_with_soft_ones(
    name: str, target: Target
) -> None:
    if target == "multi_label" and name in ("cross_entropy", "topk_cross_entropy"):
        return  # not for overlapping classes
    generator = torch.Generator().manual_seed(1)
    channels = 3 if target == "single_label" else 2
    logits = torch.randn(2, channels, 6, 5, generator=generator, dtype=torch.float64)
    mask = torch.randint(0, 3 if target == "single_label" else 4, (2, 6, 5), generator=generator)
    if target == "single_label":
        mask[0, 0] = IGNORE
    table_VK = torch.from_numpy(Probabilities(3, target).prob_VK)
    certain, soft = (_term(name, target, table)(logits, mask) for table in (None, table_VK))
    assert soft == pytest.approx(float(certain), rel=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_learns_from_soft_labels(name: str) -> None:
    """A few steps along the gradient lower the cost."""
    target_KHW = softmax(np.random.default_rng(3).normal(0, 2, (3, 6, 5)), 0)
    number = torch.from_numpy(SINGLE.numbers(target_KHW).astype(np.int64))[None]
    loss = _term(name, "single_label", torch.from_numpy(SINGLE.prob_VK))
    logits = torch.zeros(1, 3, 6, 5, requires_grad=True)
    optimizer = torch.optim.Adam([logits], 0.05)
    costs = []
    for _ in range(40):
        optimizer.zero_grad()
        cost = loss(logits, number)
        cost.backward()
        optimizer.step()
        costs.append(float(cost.detach()))
    assert costs[-1] < costs[0]


def test_cross_entropy_is_lowest_at_the_teachers_probabilities() -> None:
    prob_K = torch.tensor([0.7, 0.3, 1e-9], dtype=torch.float64)
    number = torch.from_numpy(SINGLE.numbers(prob_K.numpy()[:, None, None]).astype(np.int64))[None]
    logits = prob_K.log()[None, :, None, None].requires_grad_()
    _term("cross_entropy", "single_label", torch.from_numpy(SINGLE.prob_VK))(
        logits, number
    ).backward()
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad, 0, atol=1e-7)


def test_cross_entropy_with_soft_labels_by_hand() -> None:
    logits = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64).log()[None, :, None, None]
    number = torch.tensor([[[FIRST + 50]]])  # .75 and .25
    table_VK = torch.from_numpy(SINGLE.prob_VK)
    expected = -(0.75 * np.log(0.5) + 0.25 * np.log(0.3))
    assert float(_term("cross_entropy", "single_label", table_VK)(logits, number)) == pytest.approx(
        expected
    )


@pytest.mark.parametrize(("copies", "positive_share"), [(0, None), (1, None), (0, 0.5)])
def test_a_share_of_an_epoch_is_soft_windows_and_its_length_stays(
    copies: int, positive_share: float | None
) -> None:
    spec = TrialSpec(batch_size=4, copies=copies, positive_share=positive_share)
    is_soft_N = np.tile(np.arange(17) >= 12, 1 + copies)
    foreground_N = np.arange(len(is_soft_N)) % 2 == 0
    plans = [
        EpochPlan(spec, foreground_N, rank, 2, SoftWindows(is_soft_N, 0.25)) for rank in (0, 1)
    ]
    labeled = 12 * (1 + copies)
    orders = []
    for epoch in (1, 2):
        for plan in plans:
            plan.epoch = epoch
        steps = [[*plan] for plan in plans]
        assert len(steps[0]) == plans[0].steps == len(steps[1])
        windows = np.concatenate([batch.windows for step in steps for batch in step])
        drawn = windows[is_soft_N[windows]]
        assert len(windows) == plans[0].count == labeled
        assert len(drawn) == labeled // 4
        rest = windows[~is_soft_N[windows]]
        if positive_share is None:
            assert len({*rest}) == len(rest)
        else:
            assert foreground_N[rest].sum() == round(positive_share * len(rest))
        orders.append(windows.tolist())
    assert orders[0] != orders[1]


def test_soft_windows_are_all_used_before_one_is_repeated() -> None:
    spec, is_soft_N = TrialSpec(batch_size=4), np.arange(15) >= 12
    plan = EpochPlan(spec, np.ones(15, bool), 0, 1, SoftWindows(is_soft_N, 0.5))
    windows = np.concatenate([batch.windows for batch in plan])
    assert sorted(windows[is_soft_N[windows]]) == [12, 12, 13, 13, 14, 14]


@pytest.mark.parametrize(("labeled", "share", "soft"), [(4, 0.9, 3), (2, 0.99, 1), (2, 0.1, 1)])
def test_an_epoch_has_a_labeled_and_a_soft_window(labeled: int, share: float, soft: int) -> None:
    is_soft_N = np.arange(labeled + 3) >= labeled
    spec, windows = TrialSpec(batch_size=4), SoftWindows(is_soft_N, share)
    plan = EpochPlan(spec, np.ones(labeled + 3, bool), 0, 1, windows)
    drawn = np.concatenate([batch.windows for batch in plan])
    assert (len(drawn), is_soft_N[drawn].sum()) == (labeled, soft)


def test_one_labeled_window_leaves_no_place_for_soft_labels() -> None:
    windows = SoftWindows(np.arange(3) >= 1, 0.5)
    with pytest.raises(ValueError, match=r"self_train: .* must leave one, and there is only one"):
        EpochPlan(TrialSpec(), np.ones(3, bool), 0, 1, windows)


def test_the_masks_of_test_images_are_their_soft_labels(tmp_path) -> None:
    samples = draw_samples(tmp_path)
    cache, run = samples.cache, RunDir(tmp_path / "run")
    rows = cache.rows(samples.report.ids("test"))
    pixels = int((cache.height * cache.width)[rows].sum())
    run.soft.mkdir()
    np.save(soft_path(run, "t"), np.arange(pixels, dtype=np.uint16))
    soft = with_soft_labels(cache, rows, SoftSource(teacher="t", share=0.5), run)
    assert isinstance(soft, SoftCache)
    start = 0
    for row in range(len(cache.height)):
        found_HW = soft.mask(row)
        if row in rows:
            np.testing.assert_array_equal(found_HW.ravel(), start + np.arange(found_HW.size))
            start += found_HW.size
        else:
            np.testing.assert_array_equal(found_HW, cache.mask(row))
        np.testing.assert_array_equal(soft.image(row), cache.image(row))
    np.save(soft_path(run, "t"), np.arange(pixels - 1, dtype=np.uint16))
    with pytest.raises(DamagedError, match=r"t\.npy.*numbers, not .*makes the soft labels again"):
        with_soft_labels(cache, rows, SoftSource(teacher="t", share=0.5), run)
