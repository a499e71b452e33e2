"""MLflow and Weights & Biases through Ray's callbacks: a real store, and W&B's own files."""

import json
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from wandb.proto.wandb_internal_pb2 import Record as WandbRecord

from raytrain.cluster.tracking import MlflowView
from raytrain.config.tracking import MlflowSpec
from raytrain.runs.history import read_history, write_history
from raytrain.runs.layout import RunDir
from raytrain.runs.record import read_records, write_record
from tests.ray.conftest import Cluster
from tests.support import raytrain, run_folder, write_job
from tests.unit.test_progress import row, trials


def mlflow_runs(uri: str, experiment: str) -> dict[str, Any]:
    """By name."""
    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    return {run.info.run_name: run for run in client.search_runs([found.experiment_id])}


def steps(uri: str, run: Any, metric: str) -> list[tuple[int, float]]:
    history = MlflowClient(uri).get_metric_history(run.info.run_id, metric)
    return [(point.step, point.value) for point in history]


def wandb_records(file: Path) -> Iterator[WandbRecord]:
    """What W&B wrote for a run: LevelDB's log format behind a header of 7 bytes, records in parts
    of at most a block of 32 KiB (type 1: whole, 2 to 4: first, middle and last part)."""
    data, place, parts = file.read_bytes(), 7, b""
    assert data.startswith(b":W&B")
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:
            place += 32768 - place % 32768
            continue
        _, size, kind = struct.unpack_from("<IHB", data, place)
        parts += data[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):
            yield WandbRecord.FromString(parts)
            parts = b""


def values(items: Iterable[Any]) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def wandb_run(file: Path) -> tuple[str, dict[str, Any], list[dict[str, Any]]]:
    """Name, config and rows."""
    name, config, rows = "", {}, []
    for record in wandb_records(file):
        if record.HasField("run"):
            name = record.run.display_name
            config |= values(record.run.config.update)
        if record.HasField("config"):
            config |= values(record.config.update)
        if record.HasField("history"):
            rows.append(values(record.history.item))
    return name, config, rows


def test_search_trials_folds_and_finalists_of_two_workers_are_tracked(
    cluster: Cluster, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    job = write_job(
        tmp_path,
        tmp_path / "runs",
        search={"trials": 3, "scheduler": {"name": "asha", "grace": 1, "factor": 2}},
        finalize={"members": 1, "workers": 2, "epochs": 3},
        tracking={"mlflow": {"uri": uri}, "wandb": {"mode": "offline"}},
    )
    done = raytrain("run", job, env=cluster.env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tracking." not in done.stdout
    run = RunDir(run_folder(tmp_path / "runs"))
    records = {record.name: record for record in read_records(run)}
    assert {record.station for record in records.values()} == {"search", "cv", "final"}
    histories = {r.name: read_history(run.trial(r.fingerprint).history) for r in records.values()}
    tracked = mlflow_runs(uri, "phantom")
    assert tracked.keys() == records.keys()
    for name, one in tracked.items():
        told = steps(uri, one, "train_loss")
        assert told == [(row["epoch"], row["train_loss"]) for row in histories[name]]
        assert one.info.status == "FINISHED"
        assert one.data.tags["raytrain.status"] == records[name].status
        assert float(one.data.params["optimizer.lr"]) == records[name].spec.optimizer.lr
        assert one.data.params["workers"] == str(records[name].workers)
    files = list(run.tracking.glob("wandb/offline-run-*/run-*.wandb"))
    shown = {name: (config, rows) for name, config, rows in map(wandb_run, files)}
    assert shown.keys() == records.keys()
    for name, (config, rows) in shown.items():
        losses = [row["train_loss"] for row in rows if "train_loss" in row]
        assert losses == [row["train_loss"] for row in histories[name]]
        assert config["optimizer.lr"] == records[name].spec.optimizer.lr
        assert config["status"] == records[name].status
    assert not list((run.search / "tune").rglob("*tfevents*")), "TensorBoard would show them twice"


def test_a_trial_goes_on_in_its_mlflow_run_after_its_driver_was_killed(tmp_path: Path) -> None:
    spec = MlflowSpec(uri=f"sqlite:///{tmp_path}/mlflow.db", experiment="mine")
    run = RunDir(tmp_path / "comp" / "default")
    [task] = trials(run, 1)
    rows = [row(1), row(2), row(3)]
    first = MlflowView(spec, "comp", run)
    first.update(task, rows[:1])
    first.update(task, rows[:2])
    write_history(task.trial_dir.history, rows)
    second = MlflowView(spec, "comp", run)
    second.update(task, rows)
    second.ended(task, write_record(task, "failed", "the loss is nan"))
    second.close()
    [(name, one)] = mlflow_runs(spec.uri, "mine").items()
    assert name == task.name
    assert steps(spec.uri, one, "val_dice") == [(1, 0.1), (2, 0.2), (3, 0.3)]
    assert one.data.metrics["best_val_score"] == 0.3
    assert (one.info.status, one.data.tags["raytrain.status"]) == ("FAILED", "failed")


def test_a_server_that_does_not_answer_is_refused_before_the_start(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "comp" / "default")
    with pytest.raises(
        ValueError, match=r"tracking.mlflow.uri: http://127.0.0.1:9 does not answer"
    ):
        MlflowView(MlflowSpec(uri="http://127.0.0.1:9"), "comp", run)
