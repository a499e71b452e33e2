"""SIGKILL of the driver on a cluster, then the same command: nothing is lost or done twice."""

import signal
from collections.abc import Callable
from pathlib import Path

from raytrain.runs.history import read_history
from tests.commands import raytrain, stop_when
from tests.ray.conftest import TWO_WORKERS, Calm, Cluster
from tests.support import csv_bytes, figures, run_folder, station_of, write_job

# SIGKILL in a search: test_nested.py and test_search.py.
ENDINGS = [
    ("search", signal.SIGINT, 130),
    ("final", signal.SIGKILL, -signal.SIGKILL),
    ("final", signal.SIGINT, 130),
]


def test_a_driver_that_ended_early_continues_to_the_same_csv(
    cluster: Cluster, calm: Calm, tmp_path: Path
) -> None:
    """One run, ended three times; its finalists have two workers."""
    storage = tmp_path / "runs"
    job = write_job(tmp_path, storage, finalize=TWO_WORKERS)
    ended = []
    for station, number, exit_code in ENDINGS:
        log = tmp_path / f"log{len(ended)}"
        code = stop_when(["run", job], two_more(storage, station), number, log, cluster.env)
        text = log.read_text()
        assert code == exit_code, text
        if number == signal.SIGINT:
            assert "run the same command to continue" in text
            assert "Traceback" not in text
        assert not (run_folder(storage) / "final" / "submission.csv").exists()
        ended.append(figures(storage))
    again = raytrain("run", job, env=cluster.env)
    assert again.returncode == 0, again.stdout + again.stderr
    assert figures(storage) == calm.figures
    assert csv_bytes(storage) == calm.csv
    # What each attempt had reached is what the undisturbed run had there.
    for found in ended:
        for trial, rows in found.items():
            assert rows == calm.figures[trial][: len(rows)]


def two_more(storage: Path, station: str) -> Callable[[], bool]:
    """Whether the trials of a station have two more epochs than now."""

    def epochs() -> int:
        histories = run_folder(storage).glob("trials/*/history.jsonl")
        return sum(len(read_history(path)) for path in histories if station_of(path) == station)

    before = epochs()
    return lambda: epochs() >= before + 2
