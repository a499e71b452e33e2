"""A pixel classifier beside a network: one leaderboard, one ensemble, no other way."""

import csv
from pathlib import Path

from raytrain.runs.ensemble import Ensemble
from raytrain.runs.files import read_json
from raytrain.runs.layout import RunDir
from raytrain.runs.record import read_records
from tests.commands import raytrain
from tests.support import csv_bytes, run_folder, write_job

FOREST = {"name": "pixels_forest", "trees": 8, "leaves": 64, "depth": 8, "pixels": 500}


def test_the_whole_line_with_a_pixel_classifier(tmp_path: Path) -> None:
    space = {
        "model": {"grid": [{"name": "unet", "width": 4, "depth": 2}, FOREST]},
        "optimizer.lr": {"choice": [3e-3, 1e-2]},
    }
    search = {"trials": 4, "space": space}
    job = write_job(tmp_path, tmp_path / "runs", search=search)
    done = raytrain("run", job, "--local")
    assert done.returncode == 0, done.stdout + done.stderr
    run = RunDir(run_folder(tmp_path / "runs"))
    rows = list(csv.DictReader(run.leaderboard.read_text().splitlines()))
    # The rate is nothing to a forest: both of its trials are one.
    assert sorted(row["name"].split("_")[1] for row in rows) == ["pixels", "unet4x2", "unet4x2"]
    (forest,) = (row for row in rows if "pixels_forest" in row["name"])
    assert (forest["epochs"], forest["status"]) == ("1/1", "finished")
    ensemble = Ensemble.model_validate(read_json(run.ensemble))
    assert "pixels_forest" in {candidate.name for candidate in ensemble.candidates}
    final = {r.spec.network_label: r for r in read_records(run) if r.station == "final"}
    assert (final["pixels_forest"].epochs, final["pixels_forest"].last["images"]) == (1, 22)
    assert len(csv_bytes(tmp_path / "runs").splitlines()) == 1 + 40 * 3
    assert "pixels_forest" in run.report.read_text()

    two = raytrain("run", job, "--set", "finalize.workers=2", "--set", "run=two")
    assert two.returncode == 1
    assert "finalize.workers: pixels_forest trains on one worker, not 2" in two.stderr
