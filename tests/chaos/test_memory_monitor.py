"""A trial that Ray's memory monitor kills, on a cluster of its own with a low threshold."""

import os
import subprocess
import sys
from pathlib import Path

from raytrain.runs.layout import RunDir
from raytrain.runs.record import read_records
from tests.ray.conftest import started
from tests.support import run_folder, write_job

ROOM = 5 * 2**30
"""Bytes between what the machine uses now and where the monitor steps in."""


def test_a_trial_killed_for_memory_is_tried_once_more_with_half_the_batch(tmp_path: Path) -> None:
    words = [line.split() for line in Path("/proc/meminfo").read_text().splitlines()]
    memory = {name: int(kib) * 1024 for name, kib, *_ in words}
    total, free = memory["MemTotal:"], memory["MemAvailable:"]
    threshold = (total - free + ROOM) / total
    settings = {
        "RAY_memory_usage_threshold": f"{threshold:.4f}",
        "RAY_memory_monitor_refresh_ms": "100",
    }
    # One at a time: the monitor kills whom it will.
    job = write_job(
        tmp_path, tmp_path / "runs", resources={"cpus": 2, "memory_gb": 1},
        search={"trials": 3, "space": {"batch_size": {"grid": [2, 4, 8]}}},
    )  # fmt: skip
    (tmp_path / "ray").mkdir()
    with started(tmp_path / "ray", settings) as cluster:
        script = [sys.executable, "-m", "tests.ray.small_memory", str(job), cluster.address]
        done = subprocess.run(
            [*script, "takes"], env=os.environ | cluster.env, text=True, capture_output=True,
            timeout=300, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    records = read_records(RunDir(run_folder(tmp_path / "runs")))
    found = {record.spec.batch_size: record for record in records}
    assert {batch: record.status for batch, record in found.items()} == {
        2: "finished", 4: "finished", 8: "failed",
    }  # fmt: skip
    tried = {batch: [a.batch_size for a in record.attempts] for batch, record in found.items()}
    assert tried == {2: [], 4: [4], 8: [8, 4]}
    reasons = [a.reason for record in records for a in record.attempts]
    start = "out of memory: Ray's monitor killed its worker when the node used"
    assert all(reason.startswith(start) for reason in reasons), reasons
