"""SIGKILL of the driver on a cluster, then the same command: nothing is lost or done twice."""

import signal
from collections.abc import Callable
from pathlib import Path

from raytrain.runs.history import read_history
from tests.commands import raytrain, stop_when
from tests.ray.conftest import Cluster
from tests.support import csv_bytes, figures, run_folder, station_of, write_job

TWO_WORKERS = {"workers": 2, "epochs": 6}
ENDINGS = [
    ("search", signal.SIGINT, 130),
    ("search", signal.SIGKILL, -signal.SIGKILL),
    ("final", signal.SIGKILL, -signal.SIGKILL),
    ("final", signal.SIGINT, 130),
]


def test_a_driver_that_ended_early_continues_to_the_same_csv(
    cluster: Cluster, tmp_path: Path
) -> None:
    """One run, ended four times; its finalists have two workers."""
    storage, calm = tmp_path / "runs", tmp_path / "calm"
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
    undisturbed = raytrain("run", write_job(tmp_path, calm, finalize=TWO_WORKERS), env=cluster.env)
    assert undisturbed.returncode == 0, undisturbed.stdout + undisturbed.stderr
    whole = figures(calm)
    assert figures(storage) == whole
    assert csv_bytes(storage) == csv_bytes(calm)
    # What each attempt had reached is what the undisturbed run had there.
    for found in ended:
        for trial, rows in found.items():
            assert rows == whole[trial][: len(rows)]


def two_more(storage: Path, station: str) -> Callable[[], bool]:
    """Whether the trials of a station have two more epochs than now."""

    def epochs() -> int:
        histories = run_folder(storage).glob("trials/*/history.jsonl")
        return sum(len(read_history(path)) for path in histories if station_of(path) == station)

    before = epochs()
    return lambda: epochs() >= before + 2


def test_a_killed_asha_search_keeps_its_decisions(cluster: Cluster, tmp_path: Path) -> None:
    asha = {"trials": 6, "scheduler": {"name": "asha", "grace": 1, "factor": 2}}
    storage = tmp_path / "runs"
    job = write_job(tmp_path, storage, search=asha)
    events = run_folder(storage) / "search" / "events.jsonl"
    stop_when(
        ["search", job],
        lambda: events.is_file() and events.read_text().count("\n") >= 4,
        signal.SIGKILL,
        tmp_path / "log",
        cluster.env,
    )
    before, decided = figures(storage), events.read_text()
    again = raytrain("search", job, env=cluster.env)
    assert again.returncode == 0, again.stdout + again.stderr
    assert events.read_text().startswith(decided)
    after = figures(storage)
    for trial, rows in before.items():
        assert rows == after[trial][: len(rows)]
    lines = events.read_text().splitlines()
    assert len(lines) == len(set(lines))
