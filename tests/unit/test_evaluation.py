"""Figures of masks against the truth: by hand, by scikit-learn, and what must always hold."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import precision_recall_fscore_support

from raytrain.config.target import IGNORE
from raytrain.metrics.evaluation import Tally
from raytrain.pipeline.evaluate import evaluate
from raytrain.pipeline.evaluate_folders import evaluate_folders
from raytrain.report.terminal import evaluation_text
from raytrain.runs.layout import RunDir

TRUE = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0], [2, 2, 0, IGNORE]])
PRED = np.array([[0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 1], [2, 0, 0, 2]])


def _tally(pairs: list[tuple[np.ndarray, np.ndarray]], classes: int = 3) -> Tally:
    tally = Tally(classes, "single_label")
    for pred_HW, true_HW in pairs:
        tally.add(pred_HW, true_HW)
    return tally


def test_the_figures_of_one_image_by_hand() -> None:
    found = _tally([(PRED, TRUE)]).result()
    # Class 1: 3 hits, 1 extra, 1 missed. Class 2: 1 hit, 1 missed. The ignored pixel: nothing.
    assert found.table["precision"][1:] == [0.75, 1.0]
    assert found.table["recall"][1:] == [0.75, 0.5]
    assert found.table["f1"][1:] == pytest.approx([0.75, 2 / 3])
    assert found.table["dice"][1:] == pytest.approx([0.75, 2 / 3])
    assert found.table["iou_set"][1:] == pytest.approx([0.6, 0.5])
    assert found.table["pixels"] == [9, 4, 2]
    assert found.confusion_KK is not None
    assert found.confusion_KK.tolist() == [[8, 1, 0], [1, 3, 0], [1, 0, 1]]
    (row, *_) = found.rows(("bg", "one", "two"))
    assert [row[f"as {name}"] for name in ("bg", "one", "two")] == [8, 1, 0]
    # The background counts in these means, as in scikit-learn's report: 8 hits, 2 extra, 1 missed.
    assert found.table["macro_recall"] == pytest.approx((8 / 9 + 0.75 + 0.5) / 3)


def test_precision_recall_and_f1_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    pairs = [(rng.integers(0, 4, (9, 11)), rng.integers(0, 4, (9, 11))) for _ in range(5)]
    found = _tally(pairs, classes=4).result()
    pred, true = (np.concatenate([pair[side].ravel() for pair in pairs]) for side in (0, 1))
    expected = precision_recall_fscore_support(true, pred, labels=range(4))
    for key, values in zip(("precision", "recall", "f1", "pixels"), expected, strict=True):
        assert found.table[key] == pytest.approx(values.tolist()), key


def test_a_perfect_mask_and_the_order_of_images() -> None:
    perfect = _tally([(TRUE * (TRUE != IGNORE), TRUE)]).result()
    assert perfect.table["dice"] == perfect.table["iou_set"] == [1.0, 1.0, 1.0]
    assert perfect.table["hausdorff95"] == [0.0, 0.0, 0.0]
    other = (np.roll(PRED, 1, 0), TRUE)
    one, two = _tally([(PRED, TRUE), other]).result(), _tally([other, (PRED, TRUE)]).result()
    assert one.table == two.table
    # Over the set, pixels are pooled; over images, each image counts the same.
    assert one.table["dice"][1] != one.table["dice_set"][1]


def _write(folder: Path, **masks: np.ndarray) -> Path:
    folder.mkdir()
    for name, mask_HW in masks.items():
        Image.fromarray(mask_HW.astype(np.uint8)).save(folder / f"{name}.png")
    return folder


def test_two_folders_of_masks_of_any_foreground_value(tmp_path: Path) -> None:
    pred, true = (PRED == 1) * 255, (TRUE == 1) * 255
    ours, theirs = _write(tmp_path / "a", x=pred, y=true), _write(tmp_path / "b", x=true, y=true)
    scores = evaluate_folders(ours, theirs, tmp_path / "e.csv")
    (found,) = scores.sets.values()
    assert (found.images, scores.classes) == (2, ("0", "1"))
    assert found.table["dice"][1] == pytest.approx((0.75 + 1) / 2)
    assert "0.8750 ± 0.1250" in evaluation_text("folder", found, scores.classes)


@pytest.mark.parametrize(
    ("pred", "true", "classes", "dice"),
    [
        (PRED == 1, (TRUE == 1) * 255, 2, 0.75),
        ((PRED == 1) * 7, TRUE == 1, 2, 0.75),
        (PRED * 0, (TRUE == 1) * 255, 2, 0),
        (PRED, TRUE, 3, 0.75),
        ((PRED == 1) * 1, np.where(TRUE == 2, 0, TRUE), 2, 0.75),
        ((PRED == 1) * 255, PRED * 0, "no pixel has a class, because the only values are 0;", 0),
        (PRED, (TRUE == 1) * 255, "values are 0 and 255 .255 means unlabeled beside several", 0),
        ((PRED == 1) * 255, TRUE, "a: the value 255 is for unlabeled pixels of the truth", 0),
    ],
)
def test_each_folder_is_binary_or_has_class_numbers(
    tmp_path: Path, pred: np.ndarray, true: np.ndarray, classes: int | str, dice: float
) -> None:
    folders = _write(tmp_path / "a", x=pred), _write(tmp_path / "b", x=true)
    if isinstance(classes, str):
        with pytest.raises(ValueError, match=classes):
            evaluate_folders(*folders, tmp_path / "e.csv")
        assert not (tmp_path / "e.csv").exists()
        return
    scores = evaluate_folders(*folders, tmp_path / "e.csv")
    (found,) = scores.sets.values()
    assert len(scores.classes) == classes
    assert found.table["dice"][1] == pytest.approx(dice)


def test_a_class_that_is_never_true_has_no_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = (np.where(PRED == 1, 0, PRED), np.where(TRUE == 1, 0, TRUE))
    ours, theirs = (
        _write(tmp_path / "a", x=pair[0], y=PRED),
        _write(tmp_path / "b", x=pair[1], y=pair[1]),
    )
    scores = evaluate_folders(ours, theirs, tmp_path / "e.csv")
    (found,) = scores.sets.values()
    _, one, two, foreground, *_ = found.rows(scores.classes)
    assert one["pixels"] == 0
    assert (
        "b: no pixel has one of these classes, so they have no figures: 1"
        in capsys.readouterr().err
    )
    assert "dice" not in one
    assert foreground["dice"] == two["dice"] < 1
    nothing = _tally([(TRUE * 0, TRUE * 0)]).result()
    assert not [row for row in nothing.rows(("0", "1", "2"))[1:4] if "dice" in row]


def test_the_figures_of_folders_are_written_and_no_foreign_file_is_lost(tmp_path: Path) -> None:
    ours, theirs = _write(tmp_path / "a", x=PRED), _write(tmp_path / "b", x=TRUE)
    file = tmp_path / "evaluation.csv"
    for name in ("submission.csv", "ensemble.txt"):
        (ours / name).write_text("x")
    for _ in range(2):
        evaluate_folders(ours, theirs, file)
        rows = list(csv.DictReader(file.read_text().splitlines()))
        assert [row["class"] for row in rows[:3]] == ["0", "1", "2"]
        assert (rows[1]["of"], rows[1]["set"], rows[1]["dice"]) == (str(ours), str(theirs), "0.75")
    file.write_text("id,encoding\n")
    with pytest.raises(ValueError, match=r"evaluation\.csv: exists and is no evaluation; move it"):
        evaluate_folders(ours, theirs, file)
    assert file.read_text() == "id,encoding\n"


@pytest.mark.parametrize("sides", [(0, 1), (1, 0)])
def test_one_more_ending_of_all_names_is_no_other_name(
    tmp_path: Path, sides: tuple[int, int]
) -> None:
    folders = (
        _write(tmp_path / "a", p1=PRED, p2=PRED),
        _write(tmp_path / "b", p1_true_mask=PRED, p2_true_mask=PRED),
    )
    (found,) = evaluate_folders(*(folders[s] for s in sides), tmp_path / "e.csv").sets.values()
    assert found.images == 2
    folders[0].joinpath("p2.png").rename(folders[0] / "p3.png")
    with pytest.raises(ValueError, match=r"a: p3 has no file in .*b; give both files the same"):
        evaluate_folders(*(folders[s] for s in sides), tmp_path / "e.csv")


def test_numbers_are_classes_and_what_does_not_fit_is_named(tmp_path: Path) -> None:
    ours, theirs = _write(tmp_path / "a", x=PRED), _write(tmp_path / "b", x=TRUE)
    file = tmp_path / "e.csv"
    scores = evaluate_folders(ours, theirs, file)
    (found,) = scores.sets.values()
    assert scores.classes == ("0", "1", "2")
    assert found.table["f1"][1] == pytest.approx(0.75)
    _write(tmp_path / "c", x=PRED[:3], z=PRED)
    with pytest.raises(ValueError, match=r"c: z has no file in"):
        evaluate_folders(tmp_path / "c", theirs, file)
    (tmp_path / "c" / "z.png").unlink()
    with pytest.raises(ValueError, match=r"x\.png: is 4x3 px, and its truth .*x\.png is 4x4 px"):
        evaluate_folders(tmp_path / "c", theirs, file)
    with pytest.raises(ValueError, match="the value 255 is for unlabeled pixels of the truth"):
        evaluate_folders(theirs, ours, file)
    with pytest.raises(ValueError, match="no such folder"):
        evaluate_folders(tmp_path / "nowhere", theirs, file)


def test_every_problem_of_two_folders_is_in_one_message(tmp_path: Path) -> None:
    ours = _write(tmp_path / "a", small=PRED[:3], text=PRED, twice=PRED, only=PRED)
    theirs = _write(tmp_path / "b", small=TRUE, text=TRUE, twice=TRUE)
    (ours / "text.png").write_text("hello")
    (ours / "twice.tif").write_bytes((ours / "twice.png").read_bytes())
    with pytest.raises(ValueError, match="twice") as caught:
        evaluate_folders(ours, theirs, tmp_path / "e.csv")
    lines = str(caught.value).split("\n")
    assert [line.split(": ")[0].rpartition("/")[2] for line in lines] == [
        "twice.tif", "a", "small.png", "text.png",
    ]  # fmt: skip


def test_a_run_without_an_ensemble_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither an ensemble nor a validated training"):
        evaluate(RunDir(tmp_path))


def test_overlapping_classes_are_judged_layer_by_layer() -> None:
    # Bit 0 is class 1, bit 1 is class 2; a pixel may have both.
    true = np.array([[0, 1, 3, 2], [0, 1, 3, 2]])
    pred = np.array([[0, 1, 1, 2], [0, 1, 3, 0]])
    tally = Tally(3, "multi_label")
    tally.add(pred, true)
    found = tally.result()
    assert found.confusion_KK is None
    assert found.table["recall"][1:] == [1.0, 0.5]
    assert found.table["precision"][1:] == [1.0, 1.0]
    assert len(found.table["hausdorff95"]) == 3
