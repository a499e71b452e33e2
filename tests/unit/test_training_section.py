"""After `train` alone the report shows its curves, its classes and predicted masks."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import precision_recall_fscore_support

from raytrain.config.job import ReportSpec
from raytrain.config.optimizers import AdamSpec
from raytrain.data.report import write_report
from raytrain.engine.run import Run
from raytrain.engine.trial import Samples
from raytrain.metrics.oof_file import read_oof_evidence
from raytrain.pipeline.evaluate import evaluate
from raytrain.pipeline.train import train
from raytrain.runs.files import write_json
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record
from tests.runs import JOB, run_of
from tests.tiny import SPEC
from tests.unit.report_html import Page
from tests.unit.report_run import page_of
from tests.unit.report_truth import reference_dice, truth_of

# So high a rate that the best epoch is not the last.
TRIAL = SPEC.model_copy(update={"optimizer": AdamSpec(lr=0.1), "ema": 0.0, "epochs": 5})


@pytest.fixture(scope="module")
def trained(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Record]:
    """A run in which only `train` was run."""
    folder = RunDir(tmp_path_factory.mktemp("trained") / "p" / "only")
    write_report(folder.data_report, samples.report)
    job = JOB.model_copy(update={"trial": TRIAL})
    write_json(folder.config, job.model_dump(mode="json"))
    run = run_of(folder, samples.report, job)
    return run, train(run)


def dice_of_images(run: Run, record: Record) -> dict[str, list[float]]:
    """Each held-out image's Dice at the best epoch, by sets of pixels of the evidence's counts."""
    oof = read_oof_evidence(run.folder.trial(record.fingerprint).evidence)
    return {
        id: [2 * hit / (2 * hit + extra + missed) if hit + extra + missed else 1.0
             for hit, extra, missed in counts_K3[1:].tolist()]
        for id, counts_K3 in zip(oof.ids, oof.evidence.counts_NK3, strict=True)
    }  # fmt: skip


def test_masks_of_held_out_images_are_those_of_the_best_epoch(trained: tuple[Run, Record]) -> None:
    run, record = trained
    assert record.best is not None
    assert record.best["epoch"] < record.epochs
    masks = run.folder.trial(record.fingerprint).masks
    known = dice_of_images(run, record)
    # Four images are held out, so all of them are shown.
    assert {path.stem for path in masks.iterdir()} == known.keys()
    for id, dice_K in known.items():
        mask = np.asarray(Image.open(masks / f"{id}.png"))
        assert reference_dice(mask, truth_of(run.report, id), 4) == pytest.approx(dice_K)


def test_the_page_has_classes_with_deviations_curves_and_pictures(
    trained: tuple[Run, Record],
) -> None:
    run, record = trained
    page = Page(page_of(run.folder))
    text = page.text("training")
    known = dice_of_images(run, record)
    dice_NK = np.array(list(known.values()))
    for number, name in enumerate(run.report.classes[1:]):
        mean, sd = dice_NK[:, number].mean(), dice_NK[:, number].std()
        figures = rf"{name} \d+ [\d.]+ [\d.]+ [\d.]+ {mean:.4f} {sd:.4f} "
        assert re.search(figures, text), (name, text)
    assert f"foreground mean {dice_NK.mean():.4f}" in text
    assert re.search(r"macro mean [\d.]+ [\d.]+ [\d.]+ weighted mean [\d.]+", text)
    assert f"finished after 5 of 5 epochs, best validation Dice {record.best['val_score']:.4f}" in (
        text
    )
    for id, dice_K in known.items():
        assert f"{id} , Dice {np.mean(dice_K):.4f}" in text.replace(f"{id}, ", f"{id} , ")
    assert len(page.pictures(r"Image \S+ with its prediction, Dice .*")) == 4
    [trial] = json.loads(re.search(r'id="trials">(.*?)</script>', page.source)[1])["trials"]  # type: ignore[index]
    assert (trial["group"], trial["epochs"]) == ("train", [1, 2, 3, 4, 5])
    assert max(trial["val_score"]) == pytest.approx(record.best["val_score"], rel=1e-4)
    assert page.found("figure")[0]["data-curves"] == "train"
    # The search is due still.
    assert "not yet: run raytrain search" in page.text("search")


def test_training_again_predicts_nothing_again(trained: tuple[Run, Record]) -> None:
    run, record = trained

    def refused() -> NoReturn:
        raise AssertionError("there is nothing left to do")

    assert train(replace(run, open=refused)) == record


def test_without_the_weights_of_the_best_epoch_the_page_says_so(
    trained: tuple[Run, Record], tmp_path: Path
) -> None:
    run, record = trained
    masks = run.folder.trial(record.fingerprint).masks
    moved = masks.rename(tmp_path / "masks")
    try:
        page = Page(page_of(run.folder))
        assert "not yet: run raytrain train" in page.text("training")
        assert page.pictures(r"Image \S+ with its prediction, Dice .*") == []
    finally:
        moved.rename(masks)


@pytest.mark.slow
def test_evaluate_scores_the_training_on_every_image_with_a_truth(
    trained: tuple[Run, Record],
) -> None:
    run, record = trained
    ids = {"rv": run.report.ids("val")[1], "test": run.report.ids("test")[0]}
    asked = run.job.model_copy(update={"report": ReportSpec(images=(ids["rv"], 0))})
    write_json(run.folder.config, asked.model_dump(mode="json"))
    found = evaluate(run.folder)
    assert (found.of, found.file) == (record.name, run.folder.trial(record.fingerprint).evaluation)
    assert {name: each.images for name, each in found.sets.items()} == {
        "train, trained on": 10, "held out": 4
    }  # fmt: skip
    rows = list(csv.DictReader(found.file.read_text().splitlines()))
    held = {row["class"]: row for row in rows if row["set"] == "held out"}
    assert record.best is not None
    # The same images and weights as in validation.
    assert float(held["foreground mean"]["dice"]) == pytest.approx(
        record.best["val_dice"], rel=1e-5
    )
    truths = np.stack([truth_of(run.report, id) for id in run.report.ids("val")])
    masks = run.folder.trial(record.fingerprint).masks
    preds = np.stack([np.asarray(Image.open(masks / f"{id}.png")) for id in run.report.ids("val")])
    reference = precision_recall_fscore_support(
        truths.ravel(), preds.ravel(), average="macro", zero_division=0
    )
    for key, value in zip(("precision", "recall", "f1"), reference, strict=False):
        assert float(held["macro mean"][key]) == pytest.approx(value, rel=1e-5)
    page = Page(page_of(run.folder))
    assert f"Masks of {record.name} against the truth." in page.text("evaluation")
    assert re.search(r"held out \(4 images\) weighted mean [\d.]+", page.text("evaluation"))
    counts = pd.read_csv(run.folder.figures / "confusion.csv")
    assert counts["pixels"].sum() == sum(
        truth_of(run.report, id).size for id in (*run.report.ids("train"), *run.report.ids("val"))
    )
    images = pd.read_csv(run.folder.figures / "images.csv")
    assert images["id"].tolist() == [ids["rv"], ids["test"]]
    truth, pred = (
        truth_of(run.report, ids["rv"]),
        np.asarray(Image.open(masks / f"{ids['rv']}.png")),
    )
    dice_K = reference_dice(pred, truth, 4)
    assert images["Dice"][0] == pytest.approx(np.mean(dice_K), rel=1e-5)
    assert np.isnan(images["Dice"][1])
    assert images["predicted by"].tolist() == [record.name] * 2
    svg = (run.folder.figures / "images.svg").read_text()
    assert f"Dice {np.mean(dice_K):.4f}" in svg
    assert len(page.pictures("Images .* with truth and prediction")) == 1
    assert (run.folder.figures / "images.png").is_file()
