"""Two nodes that share no folder: their data and storage are on an S3 server, and their caches are
their own. One node is killed in each station. The CSV is that of one machine with a folder."""

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
    job = write_job(tmp_path, tmp_path / "runs", **QUICK)
    there = staged(load_job(job, ["storage=" + URL]))
    (tmp_path / "there.yaml").write_text(yaml.safe_dump(there.model_dump(mode="json")))
    alone = raytrain("run", job, "--local", env={"RAYTRAIN_CACHE": str(tmp_path / "alone")})
    assert alone.returncode == 0, alone.stdout + alone.stderr
    shutil.rmtree(tmp_path / "data")
    env = {**apart.env, "RAYTRAIN_CACHE": str(tmp_path / "driver")}
    log = tmp_path / "log"
    log.touch()
    driver = Command("run", tmp_path / "there.yaml", out=log, env=env)
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
    storage = working_folder(URL)
    assert csv_bytes(storage) == csv_bytes(tmp_path / "runs")
    assert figures(storage) == figures(tmp_path / "runs")
    # The trial that the node had begun went on from its last epoch on another node.
    records = read_records(RunDir(run_folder(storage)))
    again = [record for record in records if record.starts > 1]
    assert trial in {record.fingerprint for record in again}
    _nothing_but_the_own(tmp_path, NAMES[ours.index(False)])


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
