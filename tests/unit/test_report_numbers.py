"""The figures on the report page are those of the run's files."""

import hashlib
import re

import numpy as np
import pytest
import yaml

from raytrain.data.report import DataReport, columns, read_report
from raytrain.report.images import SIDE_PX
from raytrain.report.terminal import board_table
from raytrain.runs.files import read_json, write_json
from raytrain.runs.layout import RunDir
from raytrain.search.leaderboard import COLUMNS, ranked
from tests.unit.report_run import build, page_alone
from tests.unit.report_truth import CLASSES, maps_of, reference_scores


def _data(run: RunDir) -> DataReport:
    return read_report(run.data_report)


@pytest.mark.slow
def test_scores_are_the_records(whole):
    run, page = whole
    ensemble = read_json(run.ensemble)
    oof, header, members = ensemble["oof"], page.text("header"), page.text("members")
    assert f"{oof['dice']:.4f}" in header
    assert f"95 % {oof['low']:.4f} to {oof['high']:.4f} 12 images, ensemble of 2 members" in header
    for one in [*[each["oof"] for each in ensemble["candidates"]], oof]:
        cells = [one["score"], one["low"], one["high"], *one["per_class"]]
        a, low, high, *rest = (f"{value:.4f}" for value in cells)
        assert f"{a} {low} to {high} {' '.join(rest)}" in members


def test_leaderboard_and_early_stopping_are_the_records(whole):
    run, page = whole
    records, board = ranked(run), page.text("leaderboard")
    places = [board.index(record.fingerprint) for record in records]
    assert places == sorted(places)
    for record in records:
        scores = f"{record.best['val_score']:.4f} {record.best['val_dice']:.4f}"
        cells = f"{scores} {record.epochs} {record.best['val_loss']:.4f}"
        assert f"{cells} {record.epochs}/4 {record.status}" in board
    assert "Rate Val volume Dice Val Dice At epoch" in board
    search = page.text("search")
    assert "4 trials against the epoch" in search
    rungs = page.text("rungs")
    assert "2 of 4 trials were stopped; 11 of 16 epochs were run" in rungs
    # Compared, stopped, went on, best, lowest that went on: quarters and halves of the tops.
    assert "1 4 1 3 0.2275 0.1550" in rungs
    assert "2 3 1 2 0.4550 0.4150" in rungs
    for stopped, saved in ((records[2], 2), (records[3], 3)):
        assert f"{stopped.name} {stopped.epochs} {stopped.best['val_score']:.4f} {saved}" in rungs


def test_a_dice_that_is_the_score_is_shown_once():
    row = dict.fromkeys(COLUMNS, "1") | {"val_score": "0.7000", "val_dice": "0.7000"}
    assert board_table([row], False, []).count("0.7000") == 1
    other = row | {"val_dice": "0.6000"}
    assert "0.6000" in board_table([row, other], False, [])


def test_examples_are_worst_median_best_out_of_fold(whole):
    run, page = whole
    maps = np.mean([maps_of(run, _data(run), member) for member in (0, 1)], axis=0)
    scores = reference_scores(_data(run), maps)
    ordered = sorted(scores, key=lambda id: (np.mean(scores[id]), id))
    due = [ordered[place] for place in (0, 1, 5, 6, 10, 11)]
    text = page.text("examples")
    shown = re.findall(r"(\w+): (img\d+) , Dice (\S+) in fold (\d) \((.*?)\)", text)
    assert [(place, id) for place, id, *_ in shown] == list(
        zip(["worst"] * 2 + ["median"] * 2 + ["best"] * 2, due, strict=True)
    )
    for _, id, dice, fold, classes in shown:
        assert dice == f"{np.mean(scores[id]):.4f}"
        assert int(fold) == (int(id[3:]) in (3, 4, 7, 8, 11, 12))
        pairs = zip(CLASSES[1:], scores[id], strict=True)
        assert classes == ", ".join(f"{name} {value:.3f}" for name, value in pairs)
    for kind in ("", " with its true mask", " with its out-of-fold prediction, Dice .*"):
        pictures = page.pictures(rf"Image img\d+{kind}")
        assert [picture.shape for picture in pictures] == [(240, SIDE_PX, 3)] * 6


def test_where_each_class_went(whole):
    run, page = whole
    confusion = np.array(read_json(run.ensemble)["oof"]["confusion"])
    text = page.text("members")
    for name, row in zip(CLASSES, confusion, strict=True):
        shares = " ".join(f"{100 * count / row.sum():.1f} %" for count in row)
        assert f"{name} {shares}" in text


def test_no_validation_figure_of_a_member_that_trained_on_everything(tmp_path):
    run = build(tmp_path, "finalize")
    for path in run.trials.glob("*/record.json"):
        tree = read_json(path)
        if tree["station"] == "final":
            tree["best"] = {
                "epoch": 4,
                "val_score": 0.98765,
                "val_dice": 0.98765,
                "val_loss": 0.0123,
            }
            write_json(path, tree)
    page = page_alone(run).read_text(encoding="utf-8")
    assert "0.9876" not in page
    assert "0.9877" not in page


def test_data_folds_submission_and_ledger(whole):
    run, page = whole
    data, folds = _data(run), read_json(run.folds)
    pixels = columns(data.samples[data.samples["split"] == "train"], "pixels").sum(0)
    shares = " ".join(f"{100 * n / pixels.sum():.2f} %" for n in pixels)
    mean, std = data.splits["train"].mean[0], data.splits["train"].std[0]
    assert f"train 8 4 {shares} {mean:.3f} {std:.3f}" in page.text("data")
    assert "img12 img13 equal val, test across splits" in page.text("data")
    assert folds["hash"] in page.text("folds")
    assert "No group is in two folds" in page.text("folds")
    assert re.search(r"0 6 3 [\d.]+ % .* 1 6 3 ", page.text("folds"))
    submission = page.text("submission")
    sha256 = hashlib.sha256(run.submission.read_bytes()).hexdigest()
    assert f"rows 8 size {run.submission.stat().st_size / 1000:.1f} kB" in submission
    assert sha256 in submission
    assert "2026-03-04 05:06 failed first-0001 this file 0.8123 the quota is used up" in submission
    assert "2026-03-04 05:06 sent first-0001 this file 0.8123 4711" in submission


def test_configuration_can_be_read_back(whole):
    run, page = whole
    reproduce = page.text("reproduce")
    for path in (run.data_report, run.ensemble):
        assert read_json(path)["fingerprint"] in reproduce
    (config,) = [text for text in page.texts if text.startswith("competition:")]
    assert yaml.safe_load(config) == read_json(run.config)
