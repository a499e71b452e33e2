"""Each metric by hand, and against scikit-learn."""

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from sklearn import metrics as reference

from raytrain.config.metrics import HausdorffMetricSpec, MetricSpec
from raytrain.metrics import gathered, image_figures, score
from raytrain.metrics.dice import mean_foreground_dice, overlap_counts
from raytrain.metrics.evaluation import confusion
from raytrain.metrics.evidence import Evidence, label_maps
from raytrain.metrics.table import class_table

# Two classes and the background; hits, false positives, false negatives.
#             class 1                    class 2
# image 0     TP 2 FP 1 FN 1  Dice 4/6   absent on both sides
# image 1     TP 0 FP 0 FN 4  Dice 0     TP 6 FP 2 FN 0  Dice 12/14
COUNTS = np.array([[[8, 1, 1], [2, 1, 1], [0, 0, 0]], [[3, 2, 0], [0, 0, 4], [6, 2, 0]]])


def _spec(value: Any) -> MetricSpec:
    return TypeAdapter(MetricSpec).validate_python(value)


def _labels(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """pred_NHW and true_NHW of four classes; images 0 and 1 lack some."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 4, (6, 9, 11))
    pred = np.where(rng.random(true.shape) < 0.6, true, rng.integers(0, 4, true.shape))
    true[0] %= 2
    pred[0] %= 2
    pred[1] %= 3
    return pred, true


def _counts(pred: np.ndarray, true: np.ndarray) -> np.ndarray:
    return overlap_counts(torch.from_numpy(pred), torch.from_numpy(true), 4, "single_label").numpy()


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("dice", (4 / 6 + 1 + 0 + 12 / 14) / 4),
        ({"name": "dice", "empty": 0}, (4 / 6 + 0 + 0 + 12 / 14) / 4),
        ({"name": "dice", "empty": "skip"}, ((4 / 6 + 0) / 2 + 12 / 14) / 2),
        ({"name": "dice", "over": "set"}, (4 / 10 + 12 / 14) / 2),
        ({"name": "dice", "over": "set", "average": "weighted"}, (7 * 0.4 + 6 * 12 / 14) / 13),
        ({"name": "dice", "over": "set", "background": True}, (22 / 26 + 0.4 + 12 / 14) / 3),
        ("iou", (2 / 4 + 1 + 0 + 6 / 8) / 4),
        ({"name": "iou", "over": "set"}, (2 / 8 + 6 / 8) / 2),
        ({"name": "precision", "background": False}, (2 / 3 + 6 / 8) / 2),
        ({"name": "recall", "background": False}, (2 / 7 + 6 / 6) / 2),
        ({"name": "f1", "background": False}, (4 / 10 + 12 / 14) / 2),
        ({"name": "fbeta", "background": False}, (10 / (10 + 20 + 1) + 30 / (30 + 2)) / 2),
        ("accuracy", (8 + 2 + 3 + 6) / (12 + 13)),
        ({"name": "accuracy", "over": "images"}, (10 / 12 + 9 / 13) / 2),
        # IoU 1/2 is above no threshold, 3/4 is above .50 to .70.
        ("mean_average_precision", (0 + 1 + 0 + 0.5) / 4),
        (
            {
                "name": "weighted",
                "terms": [
                    {"weight": 3, "metric": {"name": "iou", "over": "set"}},
                    {"weight": 0.5, "metric": "accuracy"},
                ],
            },
            3 * 0.5 + 0.5 * 19 / 25,
        ),
    ],
    ids=str,
)
def test_scores_worked_by_hand(form: Any, expected: float) -> None:
    assert score(_spec(form), Evidence(COUNTS)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("hit", "wrong", "expected"),
    [(10, 10, 0.0), (11, 9, 0.1), (12, 8, 0.2), (121, 79, 0.3), (19, 1, 0.9), (20, 0, 1.0)],
)
def test_a_threshold_that_is_just_met_does_not_count(hit: int, wrong: int, expected: float) -> None:
    evidence = Evidence(np.array([[[50, 0, 0], [hit, wrong, 0]]]))
    assert score(_spec("mean_average_precision"), evidence) == pytest.approx(expected)


def test_the_bare_word_is_what_it_always_was_to_the_last_bit() -> None:
    for seed in range(5):
        counts = _counts(*_labels(seed))
        assert score(_spec("dice"), Evidence(counts)) == mean_foreground_dice(counts)


@pytest.mark.parametrize("name", ["dice", "iou", "f1"])
@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_what_is_nowhere_and_nowhere_predicted_is_all_right(name: str, average: str) -> None:
    spec = _spec({"name": name, "average": average, "empty": "skip", "background": False})
    assert score(spec, Evidence(np.array([[[9, 0, 0], [0, 0, 0]]]))) == 1.0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_scores_over_the_set_are_scikit_learns(seed: int, average: str) -> None:
    pred, true = _labels(seed)
    pair = true.ravel(), pred.ravel()
    evidence = Evidence(_counts(pred, true))
    for form, expected in (
        ("precision", reference.precision_score(*pair, average=average)),
        ("recall", reference.recall_score(*pair, average=average)),
        ("f1", reference.f1_score(*pair, average=average)),
        ("fbeta", reference.fbeta_score(*pair, beta=2, average=average)),
        ("iou", reference.jaccard_score(*pair, average=average)),
    ):
        spec = _spec({"name": form, "over": "set", "background": True, "average": average})
        assert score(spec, evidence) == pytest.approx(expected, rel=1e-12), form
    expected = reference.accuracy_score(*pair)
    assert score(_spec("accuracy"), evidence) == pytest.approx(expected, rel=1e-12)


def test_the_table_of_classes_is_scikit_learns_report() -> None:
    pred, true = _labels(7)
    counts = _counts(pred, true)
    table = class_table(counts)
    report = reference.classification_report(true.ravel(), pred.ravel(), output_dict=True)
    for ours, theirs in (("precision",) * 2, ("recall",) * 2, ("f1", "f1-score")):
        assert table[ours] == pytest.approx([report[str(k)][theirs] for k in range(4)])
        assert table[f"macro_{ours}"] == pytest.approx(report["macro avg"][theirs])
        assert table[f"weighted_{ours}"] == pytest.approx(report["weighted avg"][theirs])
    assert table["pixels"] == [report[str(k)]["support"] for k in range(4)]
    assert table["accuracy"] == pytest.approx(report["accuracy"])
    for name, of in (("dice", reference.f1_score), ("iou", reference.jaccard_score)):
        scores = np.array([
            of(t.ravel(), p.ravel(), average=None, labels=range(4), zero_division=1.0)
            for p, t in zip(pred, true, strict=True)
        ])  # fmt: skip
        assert table[name] == pytest.approx(scores.mean(0))
        assert table[f"{name}_sd"] == pytest.approx(scores.std(0))
        assert table[f"{name}_set"] == pytest.approx(of(true.ravel(), pred.ravel(), average=None))


def test_the_confusion_matrix_is_scikit_learns() -> None:
    pred, true = _labels(8)
    expected = reference.confusion_matrix(true.ravel(), pred.ravel())
    np.testing.assert_array_equal(confusion(pred, true, 4), expected)
    true[:, :3] = 255
    expected = reference.confusion_matrix(true[:, 3:].ravel(), pred[:, 3:].ravel())
    np.testing.assert_array_equal(confusion(pred, true, 4), expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [({}, -(2 + 4 + 0 + 6) / 4), ({"background": True}, -(2 + 4 + 0 + 6 + 1 + 1) / 6)],
)
def test_distances_are_averaged_and_counted_negative(values: Any, expected: float) -> None:
    spec = HausdorffMetricSpec(**values)
    figures = np.array([[[1.0, 2, 4]], [[1.0, 0, 6]]])
    assert score(spec, Evidence(COUNTS, (spec,), figures)) == expected
    figures[1, 0, 1] = np.nan
    if not values:
        assert score(spec, Evidence(COUNTS, (spec,), figures)) == -(2 + 5) / 2


def test_cross_entropy_is_scikit_learns_log_loss() -> None:
    rng = np.random.default_rng(0)
    prob_NKHW = rng.dirichlet(np.ones(4), (5, 6, 7)).transpose(0, 3, 1, 2)
    _, true = _labels(1)
    true = true[:5, :6, :7]
    spec = _spec("cross_entropy")
    pairs = list(zip(prob_NKHW, true, strict=True))
    figures = np.stack(
        [
            image_figures((spec,), label_maps(p, p.argmax(0), t, target="single_label"))
            for p, t in pairs
        ]
    )
    expected = np.mean([
        reference.log_loss(t.ravel(), p.reshape(4, -1).T, labels=range(4)) for p, t in pairs
    ])  # fmt: skip
    assert score(spec, Evidence(COUNTS, (spec,), figures)) == pytest.approx(-expected, rel=1e-9)
    # What nobody judged plays no part.
    half = true[0].copy()
    half[:3] = 255
    found = image_figures(
        (spec,), label_maps(prob_NKHW[0], prob_NKHW[0].argmax(0), half, target="single_label")
    )
    upper = label_maps(
        prob_NKHW[0][:, 3:], prob_NKHW[0].argmax(0)[3:], true[0][3:], target="single_label"
    )
    assert found == pytest.approx(image_figures((spec,), upper))


def test_what_is_gathered_is_gathered_once() -> None:
    distance = {"name": "hausdorff", "percentile": 95}
    spec = _spec({"name": "weighted", "terms": [
        {"metric": distance}, {"metric": "dice"}, {"metric": distance}, {"metric": "cross_entropy"},
    ]})  # fmt: skip
    assert [part.label for part in gathered(spec)] == ["-Hausdorff95", "-cross-entropy"]
    assert gathered(_spec("dice")) == ()
