"""A node that cannot do a job is refused, or left out."""

from pathlib import Path

import pytest

from raytrain.runs.attempts import read_starts
from raytrain.runs.layout import RunDir
from tests.commands import raytrain
from tests.nodes import nodes
from tests.support import csv_bytes, run_folder, write_job

NO_DISK = "/proc/none"
"""A cache on a file system without free bytes."""


def test_a_node_without_disk_is_refused_or_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = write_job(
        tmp_path, tmp_path / "runs", search={"trials": 1, "space": {}}, cv={"candidates": 1},
        finalize={"workers": 2, "epochs": 1},
    )  # fmt: skip
    with nodes(tmp_path, 0) as three:
        good = three.add(2)
        monkeypatch.setenv("RAYTRAIN_CACHE", NO_DISK)
        three.add(2)
        refused = raytrain("run", job, env=three.env)
        assert refused.returncode == 1
        remedy = "repair them, or set resources.faulty_nodes=leave_out to run on the others"
        assert f"1 of 3 nodes cannot do this job; {remedy}" in refused.stderr
        fault = "0.0 GB of disk are free for decoded images; free some"
        assert fault in refused.stderr
        done = raytrain("run", job, "--set", "resources.faulty_nodes=leave_out", env=three.env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no worker runs on " in done.stderr
    assert fault in done.stderr
    assert csv_bytes(tmp_path / "runs")
    starts = [
        start for path in RunDir(run_folder(tmp_path / "runs")).trials.iterdir()
        for start in read_starts(RunDir(path.parent.parent).trial(path.name))
    ]  # fmt: skip
    assert starts
    # A search's trial, a fold's and those of two workers alike.
    assert {len(start.nodes) for start in starts} == {1, 2}
    assert all(good.node_id[:8] in node for start in starts for node in start.nodes)
