"""Metrics against MONAI, whose conventions differ where the tests say so."""

from typing import Any

import numpy as np
import pytest
import torch
from monai.metrics import (
    DiceMetric,
    MeanIoU,
    compute_confusion_matrix_metric,
    compute_hausdorff_distance,
    get_confusion_matrix,
)
from pydantic import TypeAdapter
from torch.nn import functional

from raytrain.config.metrics import HausdorffMetricSpec, MetricSpec
from raytrain.metrics import image_figures, score
from raytrain.metrics.dice import overlap_counts
from raytrain.metrics.evidence import Evidence, label_maps

CLASSES = 4


def _discs(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """pred_NHW and true_NHW of three classes and a background, all there, off the image's edge:
    MONAI does not see a border there."""
    rng = np.random.default_rng(seed)
    yx = np.stack(np.indices((40, 44)), -1)
    masks = np.zeros((2, 5, 40, 44), np.int64)
    for side in range(2):
        for number in range(5):
            for label, center in ((1, (13, 14)), (2, (26, 14)), (3, (20, 30))):
                apart = np.linalg.norm(yx - (center + rng.uniform(-2, 2, 2)), axis=-1)
                masks[side, number][apart < rng.uniform(3, 7)] = label
    return masks[0], masks[1]


def _one_hot(mask_NHW: np.ndarray) -> torch.Tensor:
    return functional.one_hot(torch.from_numpy(mask_NHW), CLASSES).permute(0, 3, 1, 2).float()


def _counts(pred: np.ndarray, true: np.ndarray) -> np.ndarray:
    pair = torch.from_numpy(pred), torch.from_numpy(true)
    return overlap_counts(*pair, CLASSES, "single_label").numpy()


def _score(form: Any, counts: np.ndarray) -> float:
    return score(TypeAdapter(MetricSpec).validate_python(form), Evidence(counts))


@pytest.mark.parametrize("name", ["dice", "iou"])
def test_dice_and_iou_where_classes_are_missing(name: str) -> None:
    pred, true = _discs(0)
    pred[0][pred[0] == 2] = 0
    true[1][true[1] == 1] = 0
    for mask in (pred[2], true[2]):
        mask[mask == 3] = 0
    counts = _counts(pred, true)
    metric = {"dice": DiceMetric, "iou": MeanIoU}[name]
    # What is empty on both sides: 1 when MONAI does not skip it. It skips by the truth alone, ours
    # only 0/0, so that a class that is invented still costs.
    for background in (False, True):
        reference = metric(
            include_background=background, ignore_empty=False, reduction="mean_batch"
        )
        reference(_one_hot(pred), _one_hot(true))
        expected = reference.aggregate().mean().item()
        form = {"name": name, "background": background}
        assert _score(form, counts) == pytest.approx(expected, rel=1e-6)
    reference = metric(include_background=False, reduction="none")
    found = reference(_one_hot(pred), _one_hot(true)).numpy()
    found[1, 0] = 0  # invented
    expected = np.nanmean(found, 0).mean()
    skipped = _score({"name": name, "empty": "skip"}, counts)
    assert skipped == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("over", ["images", "set"])
@pytest.mark.parametrize(
    ("name", "word"),
    [("precision", "precision"), ("recall", "recall"), ("f1", "f1 score"), ("iou", "threat score")],
)
def test_precision_recall_and_f1(name: str, word: str, over: str) -> None:
    pred, true = _discs(1)
    four_NK4 = get_confusion_matrix(_one_hot(pred), _one_hot(true))
    if over == "set":
        four_NK4 = four_NK4.sum(0, keepdim=True)
    expected = compute_confusion_matrix_metric(word, four_NK4).mean().item()
    form = {"name": name, "over": over, "background": True}
    assert _score(form, _counts(pred, true)) == pytest.approx(expected, rel=1e-6)


def test_counts_are_monais_confusion_matrix() -> None:
    pred, true = _discs(2)
    four_NK4 = get_confusion_matrix(_one_hot(pred), _one_hot(true)).numpy()
    np.testing.assert_array_equal(_counts(pred, true), four_NK4[..., [0, 1, 3]])


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")  # MONAI's own
@pytest.mark.parametrize("percentile", [100.0, 95.0])
@pytest.mark.parametrize("seed", range(3))
def test_hausdorff_distances(percentile: float, seed: int) -> None:
    pred, true = _discs(seed)
    expected_NK = compute_hausdorff_distance(
        _one_hot(pred), _one_hot(true), percentile=percentile
    ).numpy()
    spec = HausdorffMetricSpec(percentile=percentile)
    for number, pair in enumerate(zip(pred, true, strict=True)):
        prob_KHW = np.eye(CLASSES)[pair[0]].transpose(2, 0, 1)
        found_GK = image_figures((spec,), label_maps(prob_KHW, *pair, target="single_label"))
        np.testing.assert_allclose(found_GK[0, 1:], expected_NK[number], rtol=1e-6)
