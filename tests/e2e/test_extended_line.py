"""The whole line with a network, a loss and a metric of the user's own, stopped and run again."""

import json
import shutil
from pathlib import Path

from raytrain.engine.checkpoint import load_checkpoint
from raytrain.runs.layout import RunDir
from raytrain.runs.record import read_records
from tests.commands import raytrain
from tests.support import csv_bytes, figures, run_folder, write_job

EXAMPLE = Path(__file__).parents[2] / "jobs" / "own_parts.py"
OWN = {
    "extend": "own_parts.py",
    "competition": {"metric": {"name": "worst_dice", "background": False}},
    "trial": {
        "model": {"name": "two_convolutions", "width": 6},
        "loss": [{"name": "cross_entropy"}, {"name": "log_dice"}],
    },
    "search": {"trials": 2, "space": {"optimizer.lr": {"choice": [3e-3, 1e-2]}}},
}


def test_the_whole_line_with_parts_of_ones_own(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE, tmp_path)
    job = write_job(tmp_path, tmp_path / "runs", **OWN)
    done = raytrain("run", job, "--local")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "out-of-fold worst_dice" in done.stdout
    run = RunDir(run_folder(tmp_path / "runs"))
    records = read_records(run)
    assert {record.spec.network_label for record in records} == {"two_convolutions"}
    hashes = {record.spec.model.extend for record in records}
    assert [path.parent.name for path in run.extend.glob("*/own_parts.py")] == list(hashes)
    for record in records:
        path = next(run.trial(record.fingerprint).checkpoints.glob("*.pt"))
        assert load_checkpoint(path)["model"]["0.weight"].shape == (6, 1, 3, 3)
    ensemble = json.loads(run.ensemble.read_text())
    assert ensemble["oof"]["score"] < ensemble["oof"]["dice"]

    before, content = figures(tmp_path / "runs"), csv_bytes(tmp_path / "runs")
    # Members predict again from their checkpoints.
    shutil.rmtree(run.masks)
    again = raytrain("run", job, "--local")
    assert again.returncode == 0, again.stdout + again.stderr
    assert (figures(tmp_path / "runs"), csv_bytes(tmp_path / "runs")) == (before, content)

    page = raytrain("report", job)
    assert page.returncode == 0, page.stderr
    assert "two_convolutions" in run.report.read_text()

    text = EXAMPLE.read_text().replace("clip(1)", "clip(2)")
    (tmp_path / "own_parts.py").write_text(text)
    other = raytrain("run", job, "--local")
    assert other.returncode == 1
    assert "its results belong to another metric" in other.stderr


def test_a_trial_that_was_killed_goes_on_with_the_same_numbers(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE, tmp_path)
    job = write_job(tmp_path, tmp_path / "runs", **OWN)
    done = raytrain("train", job, "--local")
    assert done.returncode == 0, done.stdout + done.stderr
    before = figures(tmp_path / "runs")
    trial = next(path.parent for path in run_folder(tmp_path / "runs").glob("trials/*/record.json"))
    (trial / "record.json").unlink()
    for path in (trial / "checkpoints").glob("epoch_0004.*"):  # as a kill in epoch 4 leaves it
        path.unlink()
    kept = [json.loads(line) for line in (trial / "history.jsonl").read_text().splitlines()][:3]
    (trial / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))
    again = raytrain("train", job, "--local")
    assert again.returncode == 0, again.stdout + again.stderr
    assert figures(tmp_path / "runs") == before
