"""Parts of a user's own file on a Ray cluster: in Tune's actors, tasks and Train's workers."""

import shutil
from pathlib import Path

from raytrain.runs.layout import RunDir
from raytrain.runs.record import read_records
from tests.commands import raytrain
from tests.e2e.test_extended_line import EXAMPLE, OWN
from tests.ray.conftest import Cluster
from tests.support import csv_bytes, run_folder, write_job


def test_a_launched_run_takes_the_users_file_to_every_worker(
    cluster: Cluster, tmp_path: Path
) -> None:
    shutil.copy(EXAMPLE, tmp_path)
    finalize = {"workers": 2, "epochs": 2}
    one = {"candidates": 1}
    job = write_job(tmp_path, tmp_path / "runs", **OWN, finalize=finalize, cv=one)
    done = raytrain("launch", "run", job, "--address", cluster.dashboard)
    assert done.returncode == 0, done.stdout + done.stderr
    run = RunDir(run_folder(tmp_path / "runs"))
    records = read_records(run)
    assert {record.spec.network_label for record in records} == {"two_convolutions"}
    assert {(r.station, r.ranks) for r in records} == {("search", 1), ("cv", 1), ("final", 2)}
    assert len({record.spec.model.extend for record in records}) == 1
    assert len(csv_bytes(tmp_path / "runs").splitlines()) == 1 + 40 * 3
