"""Two nodes that share no folder: their data and storage are on an S3 server, and their caches are
their own. One node is killed in each station, and the whole cluster with its driver. The CSV is
that of one machine with a folder."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from raytrain.config.load import load_job
from raytrain.data.staging import staged
from raytrain.runs.layout import RunDir
from raytrain.runs.record import read_records
from raytrain.runs.store import working_folder
from tests.commands import Command, raytrain
from tests.nodes import Nodes, nodes
from tests.s3 import Requests
from tests.support import csv_bytes, figures, run_folder, write_job

URL = "s3://storage/team"
NAMES = ("first", "second")
QUICK = {
    "trial": {"epochs": 6}, "search": {"trials": 2}, "cv": {"candidates": 1},
    "finalize": {"epochs": 4}, "predict": {"tta": "none", "steps": "none"},
}  # fmt: skip


@pytest.fixture
def apart(requests: Requests, tmp_path: Path) -> Iterator[Nodes]:
    with nodes(tmp_path, 0) as found:
        for name in NAMES:
            _add(found, tmp_path / name)
        yield found


def _add(found: Nodes, cache: Path) -> None:
    os.environ["RAYTRAIN_CACHE"] = str(cache)
    found.add()


@pytest.mark.parametrize(
    ("station", "wait_s", "away_s"),
    [
        ("search: 2 trainings", 0.2, 0.0),
        ("cross-validation, 2 folds: 2 trainings", 0.0, 30.0),
        ("final training on all 22 labeled images: 1 training", 0.2, 0.0),
    ],
)
def test_a_node_killed_in_a_station_changes_nothing(
    station: str,
    wait_s: float,
    away_s: float,
    apart: Nodes,
    requests: Requests,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where each request takes 200 ms, and while the storage is away for 30 s."""
    _finished_alone(tmp_path)
    driver, log = _driver(tmp_path, apart, "driver")
    _until(lambda: station in log.read_text(), driver, log)
    requests.wait_s, before = wait_s, len(requests.paths)
    _until(lambda: bool(_far(requests.paths[before:])), driver, log)
    trial = _far(requests.paths[before:])[0]
    ours = [bool([*(tmp_path / name).glob(f"runs/*/*/*/trials/{trial}")]) for name in NAMES]
    apart.remove(apart.workers[ours.index(True)])
    requests.away_until = time.monotonic() + away_s
    _add(apart, tmp_path / "third")
    assert driver.wait(600) == 0, log.read_text()
    requests.wait_s = 0.0
    monkeypatch.setenv("RAYTRAIN_CACHE", str(tmp_path / "driver"))
    storage = _same_as_alone(tmp_path)
    # The trial that the node had begun went on from its last epoch on another node.
    records = read_records(RunDir(run_folder(storage)))
    again = [record for record in records if record.starts > 1]
    assert trial in {record.fingerprint for record in again}
    _nothing_but_the_own(tmp_path, NAMES[ours.index(False)])


def test_a_new_cluster_goes_on_where_one_with_its_driver_was_lost(
    requests: Requests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _finished_alone(tmp_path)
    with nodes(tmp_path / "lost", 0) as lost:
        _add(lost, tmp_path / "first")
        driver, log = _driver(tmp_path, lost, "gone")
        _until(lambda: bool(_far(requests.paths)), driver, log)
        trial = _far(requests.paths)[0]
        driver.kill()
    for name in ("first", "gone"):
        shutil.rmtree(tmp_path / name)
    with nodes(tmp_path / "new", 0) as new:
        _add(new, tmp_path / "second")
        driver, log = _driver(tmp_path, new, "driver")
        assert driver.wait(600) == 0, log.read_text()
    monkeypatch.setenv("RAYTRAIN_CACHE", str(tmp_path / "driver"))
    storage = _same_as_alone(tmp_path)
    records = read_records(RunDir(run_folder(storage)))
    assert trial in {record.fingerprint for record in records if record.starts > 1}


def _finished_alone(folder: Path) -> None:
    """Run the job on this machine alone, and write `there.yaml`, whose data are on the server."""
    job = write_job(folder, folder / "runs", **QUICK)
    there = staged(load_job(job, ["storage=" + URL]))
    (folder / "there.yaml").write_text(yaml.safe_dump(there.model_dump(mode="json")))
    alone = raytrain("run", job, "--local", env={"RAYTRAIN_CACHE": str(folder / "alone")})
    assert alone.returncode == 0, alone.stdout + alone.stderr
    shutil.rmtree(folder / "data")


def _driver(folder: Path, cluster: Nodes, cache: str) -> tuple[Command, Path]:
    """Start the run on a cluster; returns its process and its log."""
    log = folder / f"{cache}.log"
    log.touch()
    env = {**cluster.env, "RAYTRAIN_CACHE": str(folder / cache)}
    return Command("run", folder / "there.yaml", out=log, env=env), log


def _same_as_alone(folder: Path) -> Path:
    """Compare the run with that of the machine alone; returns the folder of the storage's runs."""
    storage = working_folder(URL)
    assert csv_bytes(storage) == csv_bytes(folder / "runs")
    assert figures(storage) == figures(folder / "runs")
    return storage


def _until(happened: Callable[[], bool], driver: Command, log: Path) -> None:
    while not happened():
        assert driver.poll() is None, log.read_text()
        threading.Event().wait(0.02)


def _far(paths: list[str]) -> list[str]:
    """The trials whose second epoch was put."""
    return [path.split("/trials/")[1][:12] for path in paths if path.endswith("epoch_0002.json")]


def _nothing_but_the_own(folder: Path, left: str) -> None:
    """Nodes have worked in their own caches, and have not what only the driver writes."""
    for name in (left, "third"):
        found = {path.name for path in (folder / name / "runs").glob("*/phantom/default/*")}
        assert "data.json" in found
        assert "report.html" not in found
