"""Runs of a few searched trials as they lie on disk, scores and all, without any training."""

from collections.abc import Callable
from typing import Any

import numpy as np

from raytrain.config.competition import CompetitionSpec
from raytrain.config.job import FoldSpec, JobSpec
from raytrain.config.models import UNetSpec
from raytrain.config.search import SearchSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.report import DataReport, write_report
from raytrain.metrics import score
from raytrain.metrics.evidence import Evidence
from raytrain.metrics.oof_file import OofEvidence, write_oof_evidence
from raytrain.runs.files import write_json
from raytrain.runs.history import write_history
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Task, write_record
from raytrain.search.trials import Trials
from tests.arrays import report_of
from tests.runs import run_of

PATIENTS, PIXELS = 6, 100


def small_report(train: int = 2) -> DataReport:
    """Two images each of six patients, the first so many of them for training."""
    rows = [
        {"id": f"s{n}", "split": "train" if n < 2 * train else "val", "group": str(n // 2),
         "height": 64, "width": 64, "pixels_1": 1}
        for n in range(2 * PATIENTS)
    ]  # fmt: skip
    return report_of(rows, ("background", "organ"))


def small_job(space: dict[str, Any], trials: int, **search: Any) -> JobSpec:
    """A grid over a small U-Net, every trial to its end."""
    words = {
        "trials": trials, "sampler": {"name": "grid"}, "scheduler": {"name": "none"},
        "space": space, **search,
    }  # fmt: skip
    return JobSpec(
        competition=CompetitionSpec(name="t", data="folder", classes=("background", "organ")),
        trial=TrialSpec(model=UNetSpec(width=4, depth=1), seed=5, epochs=3),
        search=SearchSpec.model_validate(words),
        folds=FoldSpec(count=3),
    )


Hits = Callable[[Task, str], int]
"""Of a trial and an image's id: how many of its 100 pixels of the organ were found."""


def fill(job: JobSpec, run: RunDir, hits: Hits) -> list[Task]:
    """Every trial that is still to be run, as training leaves it."""
    report = small_report()
    write_report(run.data_report, report)
    write_json(run.config, job.model_dump(mode="json"))
    study, done = Trials(run_of(run, report, job)), []
    while task := study.next():
        leave(task, report, hits)
        done.append(task)
    return done


def leave(task: Task, report: DataReport, hits: Hits) -> None:
    """History, evidence and record of one trial."""
    counts = [
        [[0, PIXELS - found, 0], [found, 0, PIXELS - found]]
        for found in (hits(task, id) for id in task.val_ids)
    ]
    evidence = Evidence(np.array(counts), (), np.zeros((len(counts), 0, 2)))
    groups = report.samples.set_index("id").loc[list(task.val_ids), "group"]
    oof = OofEvidence(task.val_ids, tuple(map(str, groups)), evidence, task.metric)
    value = score(task.metric, evidence)
    rows = [
        {"epoch": epoch, "train_loss": 2 / epoch, "lr": 1e-3, "val_score": value * (epoch / 3),
         "val_dice": value * (epoch / 3), "val_loss": 1.5 - value * (epoch / 3), "ranks": 1,
         "seconds": 2.0, "images": 8}
        for epoch in (1, 2, 3)
    ]  # fmt: skip
    write_oof_evidence(task.trial_dir.evidence, oof)
    write_history(task.trial_dir.history, rows)
    write_record(task, "finished", None)
