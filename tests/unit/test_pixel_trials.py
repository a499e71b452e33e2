"""Pixel classifiers as trials: what they leave, and what they refuse."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from raytrain.config.job import JobSpec
from raytrain.config.models import ModelSpec
from raytrain.config.optimizers import AdamSpec, SgdSpec
from raytrain.config.trial import TrialSpec
from raytrain.engine.checkpoint import load_checkpoint, newest_checkpoint
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.shipped import shipped_checkpoint
from raytrain.engine.tasks import Fold
from raytrain.engine.tasks import make_task as pipeline_task
from raytrain.engine.trainable import make_trainable
from raytrain.engine.trial import Samples, run_trial
from raytrain.ensemble.prediction import member_probabilities
from raytrain.metrics.dice import mean_foreground_dice, overlap_counts
from raytrain.pipeline.finalize import final_problems
from raytrain.runs.history import read_history
from tests.model_cases import PIXELS, label
from tests.runs import run_of
from tests.tiny import make_task

SPECS = list(PIXELS.values())


def trial(model: ModelSpec) -> TrialSpec:
    return TrialSpec(model=model, epochs=1, augmentation="none", batch_size=4, seed=3)


def thresholding(samples: Samples) -> float:
    """Dice of the best gray values' table: each value's most likely class, classes weighing the
    same, as no threshold on the gray value could do better."""
    cache = samples.cache
    table = np.zeros((256, 4))
    for row in cache.rows(samples.report.ids("train")):
        gray, mask = cache.image(int(row))[..., 0], cache.mask(int(row))
        np.add.at(table, (gray.ravel(), mask.ravel()), 1)
    best = (table / table.sum(0)).argmax(1)
    rows = cache.rows(samples.report.ids("val"))
    pred, true = (
        torch.from_numpy(np.stack(maps)).long()
        for maps in (
            [best[cache.image(int(r))[..., 0]] for r in rows],
            [cache.mask(int(r)) for r in rows],
        )
    )
    return mean_foreground_dice(overlap_counts(pred, true, 4, "single_label").numpy())


@pytest.mark.parametrize("spec", SPECS, ids=label)
def test_a_trial_leaves_what_every_trial_leaves(
    spec: ModelSpec, samples: Samples, tmp_path: Path
) -> None:
    task = make_task(tmp_path / "one", samples, trial(spec))
    run_trial(task, samples, SilentReporter())
    (row,) = read_history(task.trial_dir.history)
    assert (row["epoch"], row["images"], row["ranks"]) == (1, 10, 1)
    assert 0 < row["train_loss"] < np.log(4)
    assert row["val_dice"] == row["val_score"] > thresholding(samples)

    newest = newest_checkpoint(task.trial_dir.checkpoints)
    assert newest is not None
    assert newest["history"] == [row]
    path = shipped_checkpoint(task.trial_dir)
    assert json.loads(path.with_suffix(".json").read_text())["spec"]["model"]["name"] == spec.name
    ids = samples.report.ids("val")
    maps = list(member_probabilities(path, samples.cache, ids))
    pred = torch.from_numpy(np.stack([prob_KHW.argmax(0) for prob_KHW in maps]))
    rows = samples.cache.rows(ids)
    true = torch.from_numpy(np.stack([samples.cache.mask(int(r)) for r in rows])).long()
    counts = overlap_counts(pred, true, 4, "single_label").numpy()
    assert mean_foreground_dice(counts) == pytest.approx(row["val_dice"])

    # Run again it is done; elsewhere it comes to the same.
    content = path.read_bytes()
    run_trial(task, samples, SilentReporter())
    assert path.read_bytes() == content
    other = make_task(tmp_path / "two", samples, trial(spec))
    run_trial(other, samples, SilentReporter())
    again = load_checkpoint(shipped_checkpoint(other.trial_dir))["model"]
    first = load_checkpoint(path)["model"]
    assert all(torch.equal(first[key], again[key]) for key in first)


def job(**parts: Any) -> JobSpec:
    competition = {"name": "p", "data": "d", "classes": ["bg", "rv", "myo", "lv"]}
    return JobSpec.model_validate({"competition": competition, **parts})


def test_a_search_over_rates_tries_it_once(samples: Samples, tmp_path: Path) -> None:
    tasks = [
        pipeline_task(
            run_of(tmp_path, samples.report, job()), "search",
            TrialSpec(model=SPECS[0], optimizer=optimizer, epochs=9), Fold("split", (), ()), 1,
        )
        for optimizer in (AdamSpec(lr=1e-3), AdamSpec(lr=1e-2), SgdSpec())
    ]  # fmt: skip
    assert len({task.fingerprint for task in tasks}) == 1
    assert tasks[0].spec.last_epoch == 1
    mixed = TrialSpec.model_validate(
        {
            "model": {"name": "pixels_logistic"},
            "mix": {"name": "mixup"},
            "stop": {"patience": 3},
            "ship": {"name": "swa"},
            "accumulate": 2,
        }
    )
    task = pipeline_task(
        run_of(tmp_path, samples.report, job()), "search", mixed, Fold("split", (), ()), 1
    )
    assert (task.spec.mix, task.spec.stop, task.spec.accumulate) == (None, None, 1)
    assert task.spec.ship == TrialSpec().ship
    assert tasks[0].name.startswith("search_pixels_logistic_")


def test_several_workers_and_overlapping_classes_are_refused(
    samples: Samples, tmp_path: Path
) -> None:
    words = job(trial={"model": {"name": "pixels_forest"}}, finalize={"workers": 2})
    assert final_problems(words) == [
        "finalize.workers: pixels_forest trains on one worker, not 2; set finalize.workers=1, "
        "or remove this model from the search"
    ]
    report = samples.report.model_copy(update={"target": "multi_label"})
    run = run_of(tmp_path, report, words)
    task = pipeline_task(run, "final", words.trial, Fold("all", (), ()), 2)
    with pytest.raises(ValueError, match="needs one class per pixel") as caught:
        make_trainable([task], run)
    assert "pixels_forest trains on one worker, not 2; set finalize.workers=1" in str(caught.value)
