"""MLflow and Weights & Biases through Ray's callbacks: a real store, and W&B's own files.

What a whole run leaves in MLflow is tested in test_line.py.
"""

import json
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from wandb.proto.wandb_internal_pb2 import Record as WandbRecord

from raytrain.cluster.connect import connected
from raytrain.cluster.tracking import MlflowView, WandbView
from raytrain.config.tracking import MlflowSpec, WandbSpec
from raytrain.runs.history import write_history
from raytrain.runs.layout import RunDir
from raytrain.runs.record import write_record
from tests.mlflow_store import mlflow_runs, mlflow_steps
from tests.ray.conftest import Cluster
from tests.tiny import SPEC
from tests.unit.test_progress import row, trials


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


def test_wandb_offline_has_every_epoch_of_every_trial(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**cluster.env, "WANDB_MODE": "offline"}.items():
        monkeypatch.setenv(name, value)
    run = RunDir(tmp_path / "comp" / "default")
    tasks = trials(run, 2)
    with connected():
        view = WandbView(WandbSpec(project="hearts", mode="offline"), "comp", run)
        for task in tasks:
            write_history(task.trial_dir.history, [row(1)])
            view.update(task, [row(1)])
            write_history(task.trial_dir.history, [row(1), row(2)])
            view.update(task, [row(1), row(2)])
        for task in tasks:
            view.ended(task, write_record(task, "stopped", "at the rung of epoch 2"))
        view.close()
    files = list(run.tracking.glob("wandb/offline-run-*/run-*.wandb"))
    shown = {name: (config, rows) for name, config, rows in map(wandb_run, files)}
    assert shown.keys() == {task.name for task in tasks}
    for config, rows in shown.values():
        assert [(one["_step"], one["train_loss"]) for one in rows] == [(1, 1.0), (2, 0.5)]
        assert rows[1]["val_dice_class/2"] == 0.3
        assert rows[1]["best_val_score"] == 0.2
        assert config["optimizer.lr"] == SPEC.optimizer.lr
        assert config["status"] == "stopped"


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
    assert mlflow_steps(spec.uri, one, "val_dice") == [(1, 0.1), (2, 0.2), (3, 0.3)]
    assert one.data.metrics["best_val_score"] == 0.3
    assert (one.info.status, one.data.tags["raytrain.status"]) == ("FAILED", "failed")


def test_a_server_that_does_not_answer_is_refused_before_the_start(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "comp" / "default")
    with pytest.raises(
        ValueError, match=r"tracking.mlflow.uri: http://127.0.0.1:9 does not answer"
    ):
        MlflowView(MlflowSpec(uri="http://127.0.0.1:9"), "comp", run)
