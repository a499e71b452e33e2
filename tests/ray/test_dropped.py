"""Trials that Ray Tune drops without a word to its callbacks."""

from pathlib import Path

from raytrain.runs.layout import RunDir
from raytrain.runs.record import read_records
from tests.commands import raytrain
from tests.ray.conftest import Cluster
from tests.support import run_folder, write_job

ASHA = {"trials": 6, "scheduler": {"name": "asha", "grace": 1, "factor": 2}}


def test_a_dropped_trial_is_told_and_tried_anew(cluster: Cluster, tmp_path: Path) -> None:
    """Actors that wait no time for the trial before are what drops one."""
    job = write_job(tmp_path, tmp_path / "runs", search=ASHA)
    run = RunDir(run_folder(tmp_path / "runs"))
    hasty = cluster.env | {"TUNE_FUNCTION_THREAD_TIMEOUT_S": "0"}
    first = raytrain("search", job, env=hasty)
    assert first.returncode == 0, first.stdout + first.stderr
    records = read_records(run)
    assert len(records) == 6
    dropped = [record for record in records if record.status == "failed"]
    assert dropped
    assert all("Ray Tune gave this trial up" in (record.reason or "") for record in dropped)
    again = raytrain("search", job, env=cluster.env)
    assert again.returncode == 0, again.stdout + again.stderr
    assert {record.status for record in read_records(run)} <= {"finished", "stopped"}
    assert len(read_records(run)) == 6
