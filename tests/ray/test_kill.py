"""SIGKILL of the driver on a cluster, then the same command: nothing is lost or done twice."""

import signal
from pathlib import Path

import pytest

from tests.commands import raytrain, stop_when
from tests.ray.conftest import Cluster
from tests.support import csv_bytes, epochs_done, figures, run_folder, write_job

TWO_WORKERS = {"members": 2, "workers": 2, "epochs": 6}


@pytest.fixture(scope="module")
def undisturbed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose finalists have two workers, for each way of ending one early."""
    folder = tmp_path_factory.mktemp("undisturbed")
    job = write_job(folder, folder / "runs", finalize=TWO_WORKERS)
    done = raytrain("run", job, env=cluster.env)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "runs"


@pytest.mark.parametrize(
    ("station", "number", "exit_code"),
    [
        ("search", signal.SIGKILL, -signal.SIGKILL),
        ("final", signal.SIGKILL, -signal.SIGKILL),
        ("final", signal.SIGINT, 130),
    ],
)
def test_a_driver_that_ended_early_continues_to_the_same_csv(
    cluster: Cluster,
    undisturbed: Path,
    tmp_path: Path,
    station: str,
    number: signal.Signals,
    exit_code: int,
) -> None:
    storage = tmp_path / "runs"
    job = write_job(tmp_path, storage, finalize=TWO_WORKERS)
    code = stop_when(
        ["run", job],
        lambda: epochs_done(storage, station) >= 2,
        number,
        tmp_path / "log",
        cluster.env,
    )
    text = (tmp_path / "log").read_text()
    assert code == exit_code, text
    if number == signal.SIGINT:
        assert "run the same command to continue" in text
        assert "Traceback" not in text
    ended = figures(storage)
    assert not (run_folder(storage) / "final" / "submission.csv").exists()
    again = raytrain("run", job, env=cluster.env)
    assert again.returncode == 0, again.stdout + again.stderr
    whole = figures(undisturbed)
    assert figures(storage) == whole
    assert csv_bytes(storage) == csv_bytes(undisturbed)
    # What the first run had reached is what the undisturbed one had there.
    for trial, rows in ended.items():
        assert rows == whole[trial][: len(rows)]


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


def test_ctrl_c_ends_a_search_cleanly(cluster: Cluster, tmp_path: Path) -> None:
    storage = tmp_path / "runs"
    job = write_job(tmp_path, storage, trial={"epochs": 40})
    code = stop_when(
        ["search", job],
        lambda: epochs_done(storage, "search") >= 2,
        signal.SIGINT,
        tmp_path / "log",
        cluster.env,
    )
    text = (tmp_path / "log").read_text()
    assert code == 130, text
    assert "run the same command to continue" in text
    assert "Traceback" not in text
