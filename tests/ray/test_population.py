"""A population on Ray whose driver dies, and the best of it trained again from its spec alone."""

import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path

import torch

from raytrain.config.load import load_job
from raytrain.data.report import read_report
from raytrain.engine.checkpoint import load_checkpoint
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.trial import open_samples, run_trial
from raytrain.pipeline.study import Study
from raytrain.runs.events import read_events
from raytrain.runs.layout import RunDir
from raytrain.runs.leaderboard import ranked
from raytrain.runs.record import read_records
from tests.ray.conftest import Cluster
from tests.support import figures, raytrain, run_folder, stop_when, write_job

EPOCHS = 7
SEARCH = {
    "trials": 4,
    "scheduler": {"name": "pbt", "interval": 2},
    "space": {
        "optimizer.lr": {"loguniform": [1e-4, 1e-2]},
        "optimizer.weight_decay": {"choice": [0, 1e-4, 1e-3]},
    },
}


def test_a_killed_population_goes_on_and_its_best_can_be_trained_again(
    cluster: Cluster, tmp_path: Path
) -> None:
    storage = tmp_path / "runs"
    trial = {"epochs": EPOCHS, "augmentation": "slices", "ema": 0.9}
    job = write_job(tmp_path, storage, trial=trial, search=SEARCH)
    run = RunDir(run_folder(storage))
    stop_when(
        ["search", job],
        # Some trials are in the second generation.
        lambda: any(len(rows) == 3 for rows in figures(storage).values()),
        signal.SIGKILL,
        tmp_path / "log",
        cluster.env,
    )
    before, decided = figures(storage), read_events(run.events)
    done = raytrain("search", job, env=cluster.env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert read_events(run.events)[: len(decided)] == decided
    for name, rows in before.items():
        assert figures(storage)[name][: len(rows)] == rows
    records = read_records(run)
    # A quarter of four is replaced after epochs 2, 4 and 6.
    assert Counter(record.status for record in records) == {"finished": 4, "stopped": 3}
    assert Counter(record.inherited for record in records) == {0: 4, 2: 1, 4: 1, 6: 1}
    assert sum(record.epochs - record.inherited for record in records) == 4 * EPOCHS

    # What the best successor is, its spec says alone: trained from its start it comes to the same.
    best = next(record for record in ranked(run) if record.inherited)
    loaded = load_job(job)
    study = Study(loaded, run, read_report(run.data_report))
    assert not study.is_open()
    [task] = study.tasks_of(best.spec)
    assert task.fingerprint == best.fingerprint
    again = replace(task, directory=run_folder(tmp_path / "again") / "trials" / task.fingerprint)
    run_trial(again, open_samples(run), SilentReporter())
    assert figures(tmp_path / "again")[best.fingerprint] == figures(storage)[best.fingerprint]
    first, second = (load_checkpoint(t.trial_dir.checkpoints / "last.pt") for t in (task, again))
    assert first["model"].keys() == second["model"].keys()
    assert all(torch.equal(value, second["model"][key]) for key, value in first["model"].items())
