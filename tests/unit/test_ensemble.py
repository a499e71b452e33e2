"""The out-of-fold score: by hand, and an interval that draws whole groups."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from raytrain.config.metrics import DiceMetricSpec, MetricSpec
from raytrain.ensemble.score import counts_of, oof_score
from raytrain.metrics import bootstrap, gathered, image_figures, score
from raytrain.metrics.evaluation import confusion
from raytrain.metrics.evidence import Evidence, label_maps
from tests.metric_specs import SPECS

DICE = DiceMetricSpec()


def _prob(label_NHW: np.ndarray, classes: int) -> np.ndarray:
    """prob_NKHW that prefers these labels, but not by the same margin everywhere."""
    margin = np.linspace(0.05, 0.5, label_NHW.size).reshape(label_NHW.shape)[:, None]
    one_hot = np.eye(classes)[label_NHW].transpose(0, 3, 1, 2)
    return ((1 - margin) / classes + margin * one_hot).astype(np.float32)


def _counts(prob_NKHW: np.ndarray, truth_NHW: np.ndarray) -> np.ndarray:
    return np.stack(
        [
            counts_of(prob_KHW.argmax(0)[None], true_HW, len(prob_KHW), "single_label")[0]
            for prob_KHW, true_HW in zip(prob_NKHW, truth_NHW, strict=True)
        ]
    )


def _evidence(prob_NKHW: np.ndarray, truth_NHW: np.ndarray, spec: MetricSpec = DICE) -> Evidence:
    beside = gathered(spec)
    pairs = list(zip(prob_NKHW, truth_NHW, strict=True))
    figures = None
    if beside:
        maps = [label_maps(prob, prob.argmax(0), true, "single_label") for prob, true in pairs]
        figures = np.stack([image_figures(beside, each) for each in maps])
    return Evidence(_counts(prob_NKHW, truth_NHW), beside, figures)


def _half_right(shares: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Images of 20 pixels, all of class 1, of which this share is found: (pred_NHW, truth_NHW)."""
    truth = np.ones((len(shares), 4, 5), np.uint8)
    pred = np.zeros((len(shares), 20), np.int64)
    for image, share in enumerate(shares):
        pred[image, : round(20 * share)] = 1
    return pred.reshape(-1, 4, 5), truth


def test_a_score_worked_by_hand() -> None:
    truth = np.array([[[0, 1, 1, 2]], [[0, 0, 2, 2]]], np.uint8)
    pred = np.array([[[0, 1, 2, 2]], [[0, 2, 2, 2]]])
    # Class 1: 2/3 in the first image, absent and not predicted in the second.
    # Class 2: 2 / (2 + 1) and 4 / (4 + 1).
    score = oof_score(_evidence(_prob(pred, 3), truth), np.array([1, 2]), DICE, None)
    assert score.per_class == pytest.approx([(2 / 3 + 1) / 2, (2 / 3 + 4 / 5) / 2], rel=1e-12)
    assert score.score == pytest.approx((2 / 3 + 1 + 2 / 3 + 4 / 5) / 4, rel=1e-12)
    assert score.images == 2
    # Two groups: a draw holds the first twice, each once, or the second twice.
    assert score.low == pytest.approx(2 / 3)
    assert score.high == pytest.approx((1 + 4 / 5) / 2)
    assert json.loads(json.dumps(asdict(score)))["score"] == score.score
    assert (score.metric, score.dice) == ("Dice", score.score)


def test_where_the_pixels_of_each_class_went() -> None:
    truth = np.array([[0, 1, 1, 2, 255]], np.uint8)
    prob_KHW = _prob(np.array([[[0, 1, 2, 2, 1]]]), 3)[0]
    pred_1HW = prob_KHW.argmax(0)[None]
    count_KK = confusion(pred_1HW, truth[None], 3)
    assert count_KK.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
    [counts] = counts_of(pred_1HW, truth, 3, "single_label")
    assert np.diag(count_KK).tolist() == counts[:, 0].tolist()
    found = oof_score(Evidence(counts[None]), np.array([1]), DICE, count_KK)
    assert json.loads(json.dumps(asdict(found)))["confusion"] == count_KK.tolist()


@pytest.mark.parametrize("metric", SPECS, ids=lambda spec: spec.label)
@pytest.mark.parametrize("seed", range(2))
def test_the_interval_holds_the_score_and_is_the_same_again(
    metric: MetricSpec, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "REPEATS", 200)
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, (24, 6, 5)).astype(np.uint8)
    pred = np.where(rng.random(truth.shape) < rng.random((24, 1, 1)), truth, 0)
    groups = rng.integers(0, 9, 24)
    evidence = _evidence(_prob(pred, 3), truth, metric)
    found = oof_score(evidence, groups, metric, None)
    assert found.low < found.score < found.high
    assert found.score == score(metric, evidence)
    assert found.dice == pytest.approx(np.mean(found.per_class), rel=1e-12)
    assert oof_score(evidence, groups, metric, None) == found


def test_equal_groups_leave_no_doubt() -> None:
    pred, truth = _half_right([0.5, 0.9] * 4)
    score = oof_score(_evidence(_prob(pred, 2), truth), np.repeat([3, 8, 1, 4], 2), DICE, None)
    assert score.score == pytest.approx((2 * 10 / 30 + 2 * 18 / 38) / 2, rel=1e-12)
    assert score.low == score.high == score.score
    # The same images in unequal groups do leave some.
    unequal = oof_score(
        _evidence(_prob(pred, 2), truth), np.array([1, 2, 1, 2, 3, 4, 3, 4]), DICE, None
    )
    assert unequal.dice == score.score
    assert unequal.low < score.score < unequal.high


def test_one_group_gives_no_interval() -> None:
    pred, truth = _half_right([0.1, 0.6, 1.0])
    score = oof_score(_evidence(_prob(pred, 2), truth), np.array([7, 7, 7]), DICE, None)
    assert score.low == score.high == score.score


def test_groups_are_drawn_whole() -> None:
    # Two groups, one all right and one all wrong: a draw of groups gives 0, 1/2 or 1, the ends a
    # quarter of the time each. Drawn image by image, 24 of them would stay around 1/2.
    pred, truth = _half_right([1.0] * 12 + [0.0] * 12)
    whole = oof_score(_evidence(_prob(pred, 2), truth), np.repeat([0, 1], 12), DICE, None)
    assert (whole.dice, whole.low, whole.high) == (0.5, 0.0, 1.0)
    single = oof_score(_evidence(_prob(pred, 2), truth), np.arange(24), DICE, None)
    assert single.dice == 0.5
    assert 0.25 < single.low < 0.4
    assert 0.6 < single.high < 0.75


def test_a_group_weighs_as_much_as_it_has_images() -> None:
    # One group of nine right images, one of a single wrong one: 9/10, drawn as 0, 9/10 or 1.
    pred, truth = _half_right([1.0] * 9 + [0.0])
    score = oof_score(_evidence(_prob(pred, 2), truth), np.array([0] * 9 + [1]), DICE, None)
    assert (score.score, score.low, score.high) == (0.9, 0.0, 1.0)


def test_only_the_largest_probability_counts() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, (6, 5, 5)).astype(np.uint8)
    prob = rng.random((6, 3, 5, 5)).astype(np.float32)
    hard = np.eye(3, dtype=np.float32)[prob.argmax(1)].transpose(0, 3, 1, 2)
    assert _counts(prob, truth).tolist() == _counts(hard, truth).tolist()
