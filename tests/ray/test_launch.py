"""A run as a Ray job: its log, its exit code, its figures at the metrics endpoint."""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray.job_submission import JobSubmissionClient
from ray.util.state import list_actors, list_tasks

from raytrain.cluster.metrics_export import FIGURES, PER_CLASS
from raytrain.config.load import load_job
from raytrain.data.report import read_report
from raytrain.runs.history import read_history
from raytrain.runs.layout import run_dir
from raytrain.search.trials import Trials
from tests.commands import Command, raytrain
from tests.ray.conftest import Cluster
from tests.runs import run_of
from tests.support import write_job

Figures = dict[str, float]

GAUGE = re.compile(r"^ray_raytrain_(\w+)\{([^}]*)\} (\S+)$", re.MULTILINE)


def test_a_launched_run_is_followed_watched_and_ends_with_its_exit_code(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    storage = tmp_path / "runs"
    job = write_job(
        tmp_path,
        storage,
        trial={"epochs": 400, "model": {"name": "unet", "width": 8, "depth": 3}},
        search={"trials": 2},
        competition={"name": "watched"},
    )
    words = ["launch", "run", job, "--address", cluster.dashboard, "--verbose"]
    log = tmp_path / "log"
    process = Command(*words, out=log)
    first = watch(cluster, process, log)
    second = watch(cluster, process, log, later_than=first)
    assert first.keys() == second.keys()
    histories = {
        names(storage)[path.parent.name]: read_history(path)
        for path in storage.glob("watched/default/trials/*/history.jsonl")
    }
    for figures in (first, second):
        for trial, values in figures.items():
            # Gauges are set one after another: an export may fall between two of them.
            epoch = int(values["epoch"])
            near = [row for row in histories[trial] if abs(row["epoch"] - epoch) <= 1]
            for name in ("val_score", "val_dice", "train_loss", "samples_per_s"):
                assert any(values[name] == pytest.approx(row[name]) for row in near), (trial, name)
    actors = list_actors(address=cluster.dashboard, filters=[("state", "=", "ALIVE")], detail=True)
    tasks = list_tasks(address=cluster.dashboard, detail=True, limit=1000)
    assert "watched search" in {actor.class_name for actor in actors}
    assert "watched search.train" in {task.func_or_class_name for task in tasks}
    assert "ImplicitFunc" not in repr([*actors, *tasks])
    deadline = time.monotonic() + 60
    while (found := trials_by_state(cluster)) != {"open": 2}:
        assert time.monotonic() < deadline, found
        time.sleep(0.5)
    seen: set[str] = set()
    deadline = time.monotonic() + 60  # between two epochs a process bears its actor's name
    while not seen >= {f"ray::{trial}" for trial in second}:
        assert time.monotonic() < deadline, seen
        seen |= processes(cluster)
    JobSubmissionClient(cluster.dashboard).stop_job("watched-default-run-1")
    assert process.wait(timeout=60) != 0
    assert "epoch 2/400" in log.read_text()


def watch(
    cluster: Cluster, process: Command, log: Path, later_than: dict[str, Figures] | None = None
) -> dict[str, Figures]:
    """The figures of both trials at the metrics endpoint, as soon as all of them are there and
    both trials are at later epochs."""
    before = {trial: values["epoch"] for trial, values in (later_than or {}).items()}
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        text = endpoint(cluster)
        found: dict[str, Figures] = {}
        for name, tags, value in gauges(text):
            if "trial" in tags:
                found.setdefault(tags["trial"], {})[name] = value
        # There is no GPU.
        expected = {*FIGURES, PER_CLASS} - {"device_gb"}
        if (
            len(found) == 2
            and all(values.keys() == expected for values in found.values())
            and all(v["epoch"] > before.get(trial, 0) for trial, v in found.items())
        ):
            return found
        time.sleep(0.5)
    raise AssertionError(f"no figures at {cluster.metrics}:\n{log.read_text()}")


def endpoint(cluster: Cluster) -> str:
    """What Prometheus reads; empty until the node's agent has started."""
    try:
        with urllib.request.urlopen(cluster.metrics, timeout=10) as reply:
            return reply.read().decode()
    except urllib.error.URLError:
        return ""


def gauges(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Each gauge of the competition: its name, labels and value."""
    for name, labels, value in GAUGE.findall(text):
        tags = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if tags.get("competition") == "watched":
            yield name, tags, float(value)


def trials_by_state(cluster: Cluster) -> Figures:
    found = gauges(endpoint(cluster))
    return {tags["state"]: value for name, tags, value in found if name == "trials"}


def processes(cluster: Cluster) -> set[str]:
    """The names of the worker processes, as the dashboard lists them under their node."""
    nodes = dashboard(cluster, "nodes?view=summary")["summary"]
    workers = dashboard(cluster, f"nodes/{nodes[0]['raylet']['nodeId']}")["detail"]["workers"]
    return {worker["cmdline"][0] for worker in workers if worker["cmdline"]}


def dashboard(cluster: Cluster, page: str) -> Any:
    with urllib.request.urlopen(f"{cluster.dashboard}/{page}", timeout=30) as reply:
        return json.load(reply)["data"]


def names(storage: Path) -> dict[str, str]:
    """Fingerprint -> the name that a trial has in the log and the dashboard."""
    job = load_job(storage.parent / "runs.yaml")
    run = run_dir(job)
    report = read_report(run.data_report)
    return {task.fingerprint: task.name for task in Trials(run_of(run, report, job)).tasks}


def test_the_exit_code_of_a_failed_job_comes_back(cluster: Cluster, tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs")
    (tmp_path / "data/train/image").joinpath("ph1.png").write_bytes(b"not a picture")
    done = raytrain("launch", "train", job, "--address", cluster.dashboard)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "ph1.png: unreadable" in done.stdout


def test_an_address_where_nothing_answers(tmp_path: Path) -> None:
    job = write_job(tmp_path, tmp_path / "runs")
    env = {"RAY_AUTH_MODE": "disabled"}
    done = raytrain("launch", "run", job, "--address", "http://127.0.0.1:1", env=env)
    assert done.returncode == 1
    assert "no Ray dashboard answers there" in done.stderr
