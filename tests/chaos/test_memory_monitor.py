"""A trial that Ray's memory monitor kills, on a cluster of its own with a low threshold."""

from pathlib import Path

from tests.ray.conftest import started
from tests.ray.small_memory import SEARCH, reasons_after
from tests.support import write_job

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
        search=SEARCH,
    )  # fmt: skip
    (tmp_path / "ray").mkdir()
    with started(tmp_path / "ray", settings) as cluster:
        reasons = reasons_after(job, cluster.env, "takes")
    start = "out of memory: Ray's monitor killed its worker when the node used"
    assert all(reason.startswith(start) for reason in reasons), reasons
