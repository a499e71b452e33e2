"""Measures of probabilities without a threshold, and of one class alone."""

import math
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from sklearn import metrics as reference

from raytrain.config.competition import CompetitionSpec
from raytrain.config.job import JobSpec
from raytrain.config.metrics import MetricSpec
from raytrain.config.study import StudySpec
from raytrain.metrics import image_figures, score
from raytrain.metrics.dice import overlap_counts
from raytrain.metrics.draws import drawn_scores
from raytrain.metrics.evidence import Evidence, label_maps, occurring


def _spec(value: Any) -> MetricSpec:
    return TypeAdapter(MetricSpec).validate_python(value)


PROB = np.array([[[0.2, 0.1]], [[0.5, 0.3]], [[0.3, 0.6]]])
"""prob_KHW of 1x2 pixels, whose true classes are 1 and 2."""


def _figure(form: Any, truth: list[list[int]]) -> float:
    """A metric of one image with these probabilities."""
    spec = _spec(form)
    maps = label_maps(PROB, PROB.argmax(0), np.array(truth), target="single_label")
    counts = np.zeros((1, 3, 3), np.int64)
    return score(spec, Evidence(counts, (spec,), image_figures((spec,), maps)[None]))


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"name": "cross_entropy", "class_weights": [1, 3, 5]},
         (3 * math.log(0.5) + 5 * math.log(0.6)) / 8),
        ("focal", (0.25 * math.log(0.5) + 0.16 * math.log(0.6)) / 2),
        ({"name": "focal", "gamma": 1, "alpha": [9, 1, 3]},
         (0.5 * math.log(0.5) + 3 * 0.4 * math.log(0.6)) / 2),
        ("soft_dice", (2 * 0.5 / 1.8 + 2 * 0.6 / 1.9) / 2),
        ({"name": "soft_dice", "background": True}, (0 + 2 * 0.5 / 1.8 + 2 * 0.6 / 1.9) / 3),
        ("soft_iou", (0.5 / 1.3 + 0.6 / 1.3) / 2),
    ],
)  # fmt: skip
def test_measures_of_probabilities_by_hand(form: Any, expected: float) -> None:
    assert _figure(form, [[1, 2]]) == pytest.approx(expected)


def test_soft_overlap_leaves_unlabeled_pixels_out() -> None:
    assert _figure("soft_dice", [[1, 255]]) == pytest.approx((2 * 0.5 / 1.5 + 0) / 2)


def test_soft_overlap_of_resized_maps_is_of_a_mask_with_gray_borders() -> None:
    """The mask of a step, halved bicubically, has no value but 0 and 1 only off the border."""
    true_HW = np.zeros((8, 12), np.int64)
    true_HW[:, 5:] = 1
    prob = np.stack([true_HW == 0, true_HW == 1]).astype(np.float32)
    maps = label_maps(prob, true_HW, true_HW, target="single_label")
    plain, sized = _spec("soft_dice"), _spec({"name": "soft_dice", "size": [4, 6]})
    assert image_figures((plain,), maps)[0, 1] == 1
    column = cv2.resize(prob[1], (6, 4), interpolation=cv2.INTER_CUBIC).clip(0, 1)[0]
    assert ((column > 0) & (column < 1)).sum() == 1
    expected = (column * column).sum() / column.sum()
    assert image_figures((sized,), maps)[0, 1] == pytest.approx(expected, rel=1e-6)


def test_one_class_alone() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 4, (6, 9, 11))
    pred = np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(0, 4, truth.shape))
    counts = overlap_counts(torch.from_numpy(pred), torch.from_numpy(truth), 4, "single_label")
    evidence = Evidence(counts.numpy())
    of_classes = reference.f1_score(truth.ravel(), pred.ravel(), average=None)
    for number, expected in enumerate(of_classes):
        spec = _spec({"name": "f1", "only": number})
        assert score(spec, evidence) == pytest.approx(expected)
        assert spec.label == f"F1 of class {number}"
        draws = np.random.default_rng(0).integers(0, 3, (5, len(pred))).astype(float)
        each = [
            score(spec, evidence.of(np.repeat(np.arange(len(pred)), row.astype(int))))
            for row in draws
        ]
        np.testing.assert_allclose(drawn_scores(spec, evidence, draws), each)
    with pytest.raises(ValueError, match="class 0 is the background; set background to true"):
        _spec({"name": "dice", "only": 0})


def test_one_class_that_is_never_true_counts_its_false_positives() -> None:
    """Two images of 100 px; class 2 is never true, and predicted on 50 px of the first."""
    counts_NK3 = np.array(
        [[[50, 0, 50], [0, 0, 0], [0, 50, 0]], [[100, 0, 0], [0, 0, 0], [0, 0, 0]]]
    )
    evidence = Evidence(counts_NK3, counted_K=occurring(counts_NK3))
    assert score(_spec({"name": "dice", "only": 2}), evidence) == 0.5
    assert score(_spec({"name": "dice", "only": 2, "over": "set"}), evidence) == 0
    assert score(_spec({"name": "dice", "only": 1}), evidence) == 1
    assert score(_spec("dice"), evidence) == 1  # no foreground class counts
    draws = np.array([[1.0, 1.0], [2.0, 1.0]])
    found = drawn_scores(_spec({"name": "dice", "only": 2}), evidence, draws)
    np.testing.assert_allclose(found, [1 / 2, 1 / 3])


def test_keys_and_labels_tell_measures_apart() -> None:
    keys = [
        _spec(each).key
        for each in (
            "dice",
            {"name": "dice", "over": "set"},
            "f1",
            {"name": "f1", "over": "images"},
        )
    ]
    assert keys == ["dice", "set_dice", "f1", "images_f1"]
    job = {"competition": {"data": "d", "classes": ["a", "b"]}}
    twice = ["dice", {"name": "dice", "background": True}]
    with pytest.raises(ValueError, match="measures: several measures are called 'Dice' in tables"):
        JobSpec.model_validate({"competition": {**job["competition"], "measures": twice}})
    study = {"source": "A", "stated": "s", "measures": [{"name": "cross_entropy"},
             {"name": "cross_entropy", "class_weights": [1, 2]}],
             "figures": [{"figures": {"cross_entropy": 1}}]}  # fmt: skip
    with pytest.raises(ValueError, match="figures: cross_entropy names several measures"):
        StudySpec.model_validate(study)


@pytest.mark.parametrize("weights", [[], [0, 0]])
def test_class_weights_that_weigh_nothing(weights: list[float]) -> None:
    metric = {"name": "cross_entropy", "class_weights": weights}
    with pytest.raises(ValueError, match="every weight is 0; give a class a weight"):
        CompetitionSpec.model_validate({"data": "d", "classes": ["a", "b"], "metric": metric})
