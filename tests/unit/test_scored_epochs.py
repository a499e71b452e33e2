"""What a training scores beside its metric: its training images, and other measures."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from raytrain.config.metrics import AccuracyMetricSpec, HausdorffMetricSpec
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.trial import Samples, run_trial
from raytrain.metrics import score
from raytrain.metrics.oof_file import read_oof_evidence
from raytrain.runs.history import read_history
from raytrain.runs.record import Task
from tests.support import CLOCK
from tests.tiny import SPEC, make_task


def figures(folder: Path) -> list[dict[str, Any]]:
    """The history without what differs between two equal trainings."""
    rows = read_history(folder / "history.jsonl")
    return [{k: v for k, v in row.items() if k not in CLOCK} for row in rows]


@pytest.mark.slow
def test_the_training_images_are_scored_as_validation_images_are(
    tmp_path: Path, samples: Samples, trained: Task
) -> None:
    """Every second epoch, without augmentation; nothing else changes."""
    plain = trained
    scored = make_task(
        tmp_path / "scored", samples, SPEC.model_copy(update={"score_train_every": 2})
    )
    # Another training with the training images as its validation images.
    judged = replace(plain, directory=tmp_path / "judged", val_ids=plain.train_ids)
    for task in (scored, judged):
        run_trial(task, samples, SilentReporter())
    rows = [figures(task.directory) for task in (plain, scored, judged)]
    for before, after, other in zip(*rows, strict=True):
        found = {key: after.pop(key) for key in list(after) if key.startswith("train_")}
        due = after["epoch"] % 2 == 0
        expected = {"train_loss": before.pop("train_loss")}
        if due:
            expected |= {"train_score": other["val_score"], "train_dice": other["val_dice"]}
        assert found == expected
        assert after == before


@pytest.mark.slow
def test_measures_are_computed_beside_the_metric(
    tmp_path: Path, samples: Samples, trained: Task
) -> None:
    accuracy, distance = AccuracyMetricSpec(), HausdorffMetricSpec(percentile=95)
    plain = trained
    measured = replace(plain, directory=tmp_path / "measured", measures=(accuracy, distance))
    by_distance = replace(plain, directory=tmp_path / "distance", metric=distance)
    for task in (measured, by_distance):
        run_trial(task, samples, SilentReporter())
    rows = [figures(task.directory) for task in (plain, measured, by_distance)]
    for before, after, other in zip(*rows, strict=True):
        found = after.pop("val_measures")
        assert found.keys() == {accuracy.label, distance.label}
        assert found[distance.label] == other["val_score"]
        assert after == before
    oof = read_oof_evidence(measured.trial_dir.evidence)
    assert oof.evidence.gathered == (distance,)
    assert (
        score(accuracy, oof.evidence)
        == max(
            (row for row in read_history(measured.trial_dir.history)),
            key=lambda row: row["val_score"],
        )["val_measures"][accuracy.label]
    )
