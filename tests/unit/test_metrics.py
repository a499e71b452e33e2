"""Metrics: counts by hand, Dice against scikit-learn, and no trace of how the images were split.

Every metric is better the higher it is.
"""

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from raytrain.config.metrics import MetricSpec
from raytrain.metrics import IMAGE_FIGURES, METRICS, gathered, image_figures, score
from raytrain.metrics.dice import (
    dice_per_image,
    foreground_dice,
    mean_foreground_dice,
    overlap_counts,
)
from raytrain.metrics.evidence import Evidence, label_maps
from tests.metric_specs import SPECS

CLASSES = 4

TABLE = [
    # true positives, false positives, false negatives, Dice
    (0, 0, 0, 1.0),
    (0, 5, 0, 0.0),
    (0, 0, 5, 0.0),
    (0, 3, 4, 0.0),
    (7, 0, 0, 1.0),
    (1, 1, 1, 0.5),
    (3, 1, 0, 6 / 7),
    (3, 0, 1, 6 / 7),
    (2, 4, 2, 0.4),
    (10**12, 10**12, 0, 2 / 3),
]


def _labels(seed: int, images: int) -> tuple[torch.Tensor, torch.Tensor]:
    """pred_NHW and truth_NHW that agree on about half; some images lack classes on one side."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, CLASSES, (images, 9, 7))
    pred = np.where(rng.random(truth.shape) < 0.5, truth, rng.integers(0, CLASSES, truth.shape))
    truth[0], pred[0] = 0, 0
    truth[1][truth[1] == 2] = 0
    pred[2][pred[2] == 3] = 0
    truth[3], pred[3] = truth[3] % 2, pred[3] % 2
    return torch.from_numpy(pred), torch.from_numpy(truth)


def _counts(pred: torch.Tensor, truth: torch.Tensor) -> np.ndarray:
    return overlap_counts(pred, truth, CLASSES, "single_label").numpy()


def test_counts_of_a_picture_drawn_by_hand() -> None:
    truth = torch.tensor([[[0, 0, 1], [1, 2, 2]], [[0, 0, 0], [0, 0, 0]]])
    pred = torch.tensor([[[0, 1, 1], [0, 2, 1]], [[0, 0, 0], [3, 0, 0]]])
    expected = [
        [[1, 1, 1], [1, 2, 1], [1, 0, 1], [0, 0, 0]],
        [[5, 0, 1], [0, 0, 0], [0, 0, 0], [0, 1, 0]],
    ]
    counts = overlap_counts(pred, truth, CLASSES, "single_label")
    assert counts.dtype == torch.int64
    assert counts.tolist() == expected


@pytest.mark.parametrize(("hit", "extra", "missed", "dice"), TABLE)
def test_dice_by_hand(hit: int, extra: int, missed: int, dice: float) -> None:
    counts = np.array([[[50, 0, 0], [hit, extra, missed]]])
    assert dice_per_image(counts)[0, 1] == pytest.approx(dice, rel=1e-12)
    assert mean_foreground_dice(counts) == pytest.approx(dice, rel=1e-12)


def test_dice_is_scikit_learns_f1_of_each_image_and_class() -> None:
    pred, truth = _labels(0, 12)
    found = dice_per_image(_counts(pred, truth))
    for image in range(12):
        for label in range(CLASSES):
            expected = f1_score(
                truth[image].ravel(), pred[image].ravel(), labels=[label], average="macro",
                zero_division=1.0,
            )  # fmt: skip
            assert found[image, label] == pytest.approx(expected, rel=1e-12), (image, label)
    assert (found[0, 1:] == 1).all()
    assert found[3, 2:].tolist() == [1, 1]


def test_every_pixel_is_counted_where_it_belongs() -> None:
    pred, truth = _labels(1, 8)
    hit, extra, missed = np.moveaxis(_counts(pred, truth), -1, 0)
    for label in range(CLASSES):
        np.testing.assert_array_equal((hit + missed)[:, label], (truth == label).sum((1, 2)))
        np.testing.assert_array_equal((hit + extra)[:, label], (pred == label).sum((1, 2)))
    swapped = _counts(truth, pred)
    np.testing.assert_array_equal(swapped, np.stack([hit, missed, extra], -1))


def _evidence(pred: torch.Tensor, truth: torch.Tensor, spec: MetricSpec) -> Evidence:
    """As a model that is rather sure of what it says would give it."""
    beside = gathered(spec)
    prob = torch.nn.functional.one_hot(pred, CLASSES).permute(0, 3, 1, 2) * 0.96 + 0.01
    figures = [
        image_figures(beside, label_maps(*(part.numpy() for part in parts), target="single_label"))
        for parts in zip(prob, pred, truth, strict=True)
    ]
    shape = (len(pred), len(beside), CLASSES)
    return Evidence(_counts(pred, truth), beside, np.array(figures).reshape(shape))


def test_every_metric_is_among_those_that_are_tested() -> None:
    assert {spec.name for spec in SPECS} == set(METRICS)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.label)
def test_a_metric_is_the_higher_the_better(spec: MetricSpec) -> None:
    truth = _labels(2, 6)[1][4:]
    wrong = (truth + 1) % CLASSES
    better = truth.clone()
    better[:, :2] = wrong[:, :2]
    figures = [score(spec, _evidence(pred, truth, spec)) for pred in (truth, better, wrong)]
    assert figures[0] > figures[1] >= figures[2]
    if spec.name not in ("weighted", *IMAGE_FIGURES):
        assert (figures[0], figures[2]) == (1.0, 0.0)
    if spec.name == "hausdorff":
        assert figures[0] == 0


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.label)
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_a_metric_does_not_see_how_images_were_dealt_out(spec: MetricSpec, workers: int) -> None:
    pred, truth = _labels(3, 13)
    whole = _evidence(pred, truth, spec)
    assert whole.figures_NGK is not None
    owner = np.random.default_rng(workers).integers(0, workers, len(truth))
    counts, figures = np.zeros_like(whole.counts_NK3), np.zeros_like(whole.figures_NGK)
    for worker in range(workers):
        mine = np.flatnonzero(owner == worker)
        if not len(mine):
            continue
        part = _evidence(pred[mine], truth[mine], spec)
        of_all = np.zeros_like(counts), np.zeros_like(figures)
        of_all[0][mine], of_all[1][mine] = part.counts_NK3, part.figures_NGK
        counts, figures = counts + of_all[0], figures + of_all[1]
    assert score(spec, Evidence(counts, gathered(spec), figures)) == score(spec, whole)


def test_an_image_does_not_change_its_neighbours_counts() -> None:
    pred, truth = _labels(4, 9)
    together = _counts(pred, truth)
    for image in range(9):
        one = slice(image, image + 1)
        np.testing.assert_array_equal(_counts(pred[one], truth[one])[0], together[image])


def test_the_mean_score_is_the_mean_of_the_classes() -> None:
    # Each image scores each class, empty or not, so neither kind of mean weighs one more.
    counts = _counts(*_labels(5, 11))
    per_class = foreground_dice(counts)
    assert per_class.shape == (CLASSES - 1,)
    np.testing.assert_allclose(per_class, dice_per_image(counts)[:, 1:].mean(0), rtol=1e-15)
    assert mean_foreground_dice(counts) == pytest.approx(per_class.mean(), rel=1e-12)


def test_the_background_and_the_pooled_score_play_no_part() -> None:
    counts = np.array([[[9, 0, 0], [1, 0, 0]], [[9, 0, 0], [0, 0, 99]]])
    # Pooled over images it would be 2 / (2 + 99).
    assert mean_foreground_dice(counts) == 0.5
    counts[:, 0] = [0, 9, 9]
    assert mean_foreground_dice(counts) == 0.5
