"""`raytrain suspects` with maps of networks that were trained on the wrong labels, too."""

from pathlib import Path

import pytest
import torch

from raytrain.config.job import JobSpec
from raytrain.data.checks import inspect
from raytrain.data.phantom import PhantomSplit, write_phantom
from raytrain.data.report import write_report
from raytrain.engine.tasks import Recipe
from raytrain.pipeline.cv import cv
from raytrain.pipeline.suspects import suspects
from raytrain.runs.ensemble import Candidate
from raytrain.runs.files import write_json
from raytrain.runs.layout import RunDir
from raytrain.runs.oof import read_cross_validation
from tests.corrupted import corrupt
from tests.runs import ensemble_of, run_of

FOLDS = 3
"""With two, each network sees too few images: its out-of-fold Dice and the recall are lower."""


def _job(folder: Path) -> JobSpec:
    return JobSpec.model_validate({
        "competition": {
            "data": str(folder / "data"), "classes": ["bg", "rv", "myo", "lv"],
            "group": "(N+1)//2",
        },
        "folds": {"count": FOLDS},
        "trial": {
            "model": {"name": "unet", "width": 8, "depth": 3, "activation": "leaky_relu"},
            "loss": [{"name": "cross_entropy"}, {"name": "dice"}],
            "optimizer": {"name": "adam", "lr": 5e-3},
            "schedule": {"name": "cosine", "warmup_epochs": 1},
            "framing": {"name": "resize", "height": 48, "width": 48},
            "epochs": 12, "batch_size": 4, "augmentation": "none",
        },
    })  # fmt: skip


@pytest.mark.slow
def test_a_tiny_network_finds_the_faults_in_its_own_training_data(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    split = PhantomSplit(train=60, val=1, test=1)
    write_phantom(tmp_path / "data", tmp_path / "truth", split, 0)
    planted = {*corrupt(tmp_path / "data", 0.05, 0)}
    job, folder = _job(tmp_path), RunDir(tmp_path / "run")
    report = inspect(job.competition)
    write_report(folder.data_report, report)
    run = run_of(folder, report, job)
    cv(run, [Recipe(job.trial)])
    trained = read_cross_validation(folder)
    assert trained is not None
    member = Candidate(name="unet", folds=trained.members[0], fingerprint="a1b2c3d4e5f6", oof={})
    ensemble = ensemble_of(
        [member], {"images": len(report.labeled)}, run.folds.hash, report.fingerprint, folds=FOLDS
    )
    write_json(folder.ensemble, ensemble.model_dump(mode="json"))
    found = suspects(folder)
    assert len(planted) == 6
    listed = {*found.exclude.read_text().split()}
    assert len(planted & listed) >= 0.9 * len(planted)
    assert len(planted & listed) >= 0.8 * len(listed)
