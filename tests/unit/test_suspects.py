"""`raytrain suspects`: planted wrong labels are listed, and few others."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from raytrain.cli.answer import as_tree
from raytrain.cli.results import suspects as command
from raytrain.config.competition import CompetitionSpec
from raytrain.config.job import FoldSpec
from raytrain.config.target import IGNORE
from raytrain.data.checks import inspect
from raytrain.data.decode import decode_mask
from raytrain.data.folds import load_or_make_folds
from raytrain.data.phantom import PhantomSplit, write_phantom
from raytrain.data.report import DataReport, write_report
from raytrain.ensemble.suspects import CUT, DEVIATIONS, SHARE, UNSURE, USUAL, agreement, scores
from raytrain.pipeline.suspects import suspects, suspects_text
from raytrain.runs.ensemble import Candidate
from raytrain.runs.files import write_json
from raytrain.runs.layout import RunDir
from raytrain.runs.maps import write_maps
from raytrain.runs.oof import oof_path
from tests.corrupted import corrupt
from tests.runs import ensemble_of

CLASSES = ("bg", "rv", "myo", "lv")
HARD = 0.15
"""Share of the images on which the drawn networks make a gross mistake."""


def drawn_map(true_HW: np.ndarray, sure: float, rng: np.random.Generator) -> np.ndarray:
    """prob_KHW as networks make it: borders are moved by a pixel or two and blurred, and in some
    images a part of a class is missing or extra, of which they are less sure."""
    height, width = true_HW.shape
    move = [cv2.resize(rng.normal(0, 1.2, (6, 6)), (width, height)) for _ in range(2)]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    maps = [(x + move[0]).astype(np.float32), (y + move[1]).astype(np.float32)]
    seen_HW = cv2.remap(true_HW, *maps, cv2.INTER_NEAREST)
    doubt_HW = np.zeros(true_HW.shape)
    if rng.random() < HARD:
        center = rng.integers(20, 76, 2).tolist()
        blob_HW = cv2.circle(
            np.zeros(true_HW.shape, np.uint8), center, int(rng.integers(5, 11)), 1, -1
        )
        seen_HW = np.where(blob_HW > 0, rng.integers(len(CLASSES)), seen_HW).astype(np.uint8)
        doubt_HW = cv2.GaussianBlur(blob_HW * rng.uniform(0.3, 0.8), (0, 0), 2)
    one_hot_HWK = np.eye(len(CLASSES))[seen_HW]
    soft_HWK = cv2.GaussianBlur(one_hot_HWK, (0, 0), 1.5) ** sure + 1e-3
    prob_HWK = soft_HWK / soft_HWK.sum(2, keepdims=True)
    prob_HWK = (1 - doubt_HW[..., None]) * prob_HWK + doubt_HW[..., None] / len(CLASSES)
    return prob_HWK.transpose(2, 0, 1).astype(np.float32)


def run_with_maps(folder: Path, truth: dict[str, np.ndarray]) -> tuple[RunDir, DataReport]:
    """What check, cv and finalize leave; the networks of the second fold are less sure."""
    competition = CompetitionSpec(
        name="p", data=str(folder / "data"), classes=CLASSES, group="(N+1)//2"
    )
    run, report = RunDir(folder / "run"), inspect(competition)
    write_report(run.data_report, report)
    folds = load_or_make_folds(run, report, FoldSpec(count=2))
    rng = np.random.default_rng(0)
    run.oof.mkdir()
    for fold, ids in enumerate(folds.val_ids):
        maps = [drawn_map(truth[id], (1.6, 0.8)[fold], rng) for id in ids]
        write_maps(oof_path(run, f"fold{fold}"), maps, report.map_shapes(ids))
    names = tuple(f"fold{fold}" for fold in range(2))
    member = Candidate(name="unet", folds=names, fingerprint="a1b2c3d4e5f6", oof={})
    oof = {"images": len(truth)}
    ensemble = ensemble_of([member], oof, folds.hash, report.fingerprint, folds=2)
    write_json(run.ensemble, ensemble.model_dump(mode="json"))
    return run, report


def wrong_labels(folder: Path, patients: int, seed: int) -> tuple[RunDir, DataReport, set[str]]:
    """A run over a phantom with 5 % wrong labels, and their ids."""
    split = PhantomSplit(train=patients, val=1, test=1)
    write_phantom(folder / "data", folder / "truth", split, seed)
    truth = {
        path.stem.removesuffix("_mask"): decode_mask(path)
        for split in ("train", "val")
        for path in (folder / "data" / split / "mask").iterdir()
    }
    planted = corrupt(folder / "data", 0.05, seed)
    return *run_with_maps(folder, truth), {*planted}


@pytest.mark.slow
def test_planted_faults_are_listed_and_few_others(tmp_path: Path) -> None:
    run, report, planted = wrong_labels(tmp_path, 60, 1)
    found = suspects(run)
    listed = found.exclude.read_text().split()
    right = planted & {*listed}
    assert len(planted) == 6
    assert len(right) >= 0.9 * len(planted)
    assert len(right) >= 0.8 * len(listed)
    # The list can be named in the YAML as it is.
    cleaned = CompetitionSpec(
        data=report.source, classes=CLASSES, group="(N+1)//2", exclude=str(found.exclude)
    )
    left = {*inspect(cleaned).ids("train", "val")}
    assert left == {*report.ids("train", "val")} - {*listed}


def test_the_files_and_what_the_command_says(tmp_path: Path) -> None:
    run, report, _ = wrong_labels(tmp_path, 20, 3)
    answer, folder = command(run.path), run.path / "suspects"
    text, result = answer.text, as_tree(answer.result)
    table = list(csv.DictReader((folder / "suspects.csv").read_text().splitlines()))
    assert {row["id"] for row in table} == {*report.ids("train", "val")}
    values = [float(row["score"]) for row in table]
    assert values == sorted(values, reverse=True)
    listed = [row["id"] for row in table if row["suspect"] == "yes"]
    assert listed
    assert [each["id"] for each in result["suspects"]] == listed
    assert result["exclude"] == str(folder / "suspects.txt")
    assert (folder / "suspects.txt").read_text().split() == listed
    assert f"42 labels compared with out-of-fold maps, {len(listed)} suspects" in text
    assert f"  {listed[0]}: score " in text
    assert f"competition.exclude={folder / 'suspects.txt'}" in text
    # One line of four pictures for each suspect, and at least eight.
    width, height = Image.open(folder / "suspects.png").size
    assert (width, height) == (4 * (160 + 6) + 6, max(8, len(listed)) * (160 + 18 + 6) + 6)
    # An edited list is not replaced.
    edited = f"{listed[0]}\n\n"
    (folder / "suspects.txt").write_text(edited)
    assert "which differs from the suspects found now" in suspects_text(suspects(run))
    assert (folder / "suspects.txt").read_text() == edited
    with pytest.raises(ValueError, match="run `raytrain finalize` first"):
        suspects(RunDir(tmp_path / "none"))


def test_agreements_by_hand() -> None:
    prob_CHW = np.array([[[0.1, 0.2, 0.9, 0.9]], [[0.9, 0.8, 0.1, 0.1]]])
    label_HW = np.array([[1, 0, 0, 0]])
    found = agreement(prob_CHW, label_HW, np.array([2.0]), "single_label")
    assert found.own_K == pytest.approx([(2 * 1.7 + 0.2) / (1.9 + 2 + 0.2)])
    assert found.label_K == pytest.approx([(2 * 0.9 + 0.2) / (1.9 + 1 + 0.2)])
    assert found.shown_K.tolist() == [True]
    # Without the second pixel, the label is the map's own mask.
    label_HW = np.array([[1, IGNORE, 0, 0]])
    found = agreement(prob_CHW, label_HW, np.array([2.0]), "single_label")
    assert found.own_K == found.label_K == pytest.approx([(2 * 0.9 + 0.2) / (1.1 + 1 + 0.2)])
    # The first pixel of overlapping classes is both, and no pixel is the third.
    layers_HW = np.array([[3, 1, 2, 2]])
    three_CHW = np.array([[[0.9, 0.9, 0.1, 0.1]], [[0.9, 0.1, 0.9, 0.9]], [[0.0, 0.0, 0.0, 0.0]]])
    found = agreement(three_CHW, layers_HW, np.array([2.0, 3.0, 1.0]), "multi_label")
    assert found.own_K.tolist() == found.label_K.tolist()
    assert found.shown_K.tolist() == [True, True, False]
    assert found.label_K[2] == pytest.approx(1)


def test_each_fold_has_its_own_level_and_all_share_a_deviation() -> None:
    label_NK = np.array([[0.9], [0.8], [0.1], [0.5], [0.4], [0.3]])
    ones_NK, shown_NK = np.ones((6, 1)), np.ones((6, 1), bool)
    fold_N = np.array([0, 0, 0, 1, 1, 1])
    # Less the medians .2 and .6: -.1, 0, .7, -.1, 0, .1, of which the median size is .1.
    expected = np.array([-0.1, 0, 0.7, -0.1, 0, 0.1]) / (DEVIATIONS * USUAL * 0.1)
    assert scores(ones_NK, label_NK, shown_NK, fold_N) == pytest.approx(expected)
    # A class that neither mask shows does not count in the mean.
    two_NK, once_NK = np.hstack([label_NK, 0 * label_NK]), np.array([[True, False]] * 6)
    assert scores(np.ones((6, 2)), two_NK, once_NK, fold_N) == pytest.approx(expected)


def test_a_label_is_no_suspect_where_networks_are_unsure_or_pixels_few() -> None:
    own_NK, label_NK = np.ones((9, 1)), np.ones((9, 1))
    shown_NK, fold_N = np.ones((9, 1), bool), np.zeros(9, int)
    label_NK[0] = 1 - 0.9 * CUT * SHARE
    assert scores(own_NK, label_NK, shown_NK, fold_N)[0] == pytest.approx(0.9 * CUT)
    # The same contradiction of .4 where the map agrees with itself as usual, and by half of it.
    own_NK[1], label_NK[:2] = 0.5, [[0.6], [0.1]]
    found_N = scores(own_NK, label_NK, shown_NK, fold_N)
    assert found_N[:2] == pytest.approx([0.4 / SHARE, 0.4 / SHARE / 2**UNSURE])
    assert found_N[1] < CUT < found_N[0]
    # Networks that are usually half as sure need a quarter of the contradiction.
    less_NK = 0.5 * own_NK - 0.25 * (own_NK - label_NK)
    assert scores(0.5 * own_NK, less_NK, shown_NK, fold_N) == pytest.approx(found_N)
