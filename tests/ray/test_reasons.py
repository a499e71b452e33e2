"""Reasons in one line (no cluster is needed)."""

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from ray import cloudpickle
from ray.exceptions import (
    ActorDiedError,
    NodeDiedError,
    OutOfMemoryError,
    RayTaskError,
    WorkerCrashedError,
)
from ray.train.v2._internal.exceptions import (
    UserExceptionWithTraceback,
    WorkerHealthCheckFailedError,
)
from ray.train.v2.api.exceptions import WorkerGroupError
from torch import distributed

from raytrain.cluster import train_group
from raytrain.cluster.reasons import (
    MemoryKillError,
    TrainingFailedError,
    failure_of,
    reason_of,
    write_reason,
)
from raytrain.runs.attempts import Cause, Failure
from raytrain.runs.files import write_bytes
from raytrain.runs.layout import TrialDir

KILLED = """Failure # 1 (occurred at 2026-11-21_19-10-14)
1 worker(s) were killed due to the node running low on memory. Memory on the node (IP: 10.0.0.2, \
ID: b412ea0c2992) was 16.52GB used / 23.54GB limit (0.701898)
OOM kill reason: Memory usage 17298513920B exceeded threshold of 16889764864B (66.8% of limit)
Ray killed 1 worker(s) based on the killing policy
Refer to the documentation on how to address the out of memory issue: ...
"""


def test_a_kill_by_rays_memory_monitor_is_told_by_its_figures() -> None:
    assert reason_of(KILLED) == (
        "out of memory: Ray's monitor killed its worker when the node used 16.52GB of 23.54GB"
    )


def test_the_error_that_was_raised_first_is_told() -> None:
    text = "ray::work\nTraceback ...\ntorch.OutOfMemoryError: CUDA out of memory\n"
    assert reason_of(text) == "OutOfMemoryError: CUDA out of memory"
    assert reason_of("a\nValueError: name another run") == "name another run"
    assert reason_of("\n its worker died \n") == "its worker died"
    assert reason_of("It died. Some common causes include: (1) a killer") == "It died."


def _raised(error: Exception) -> RayTaskError:
    """The error as Ray hands it to the driver."""
    return RayTaskError("work", f"Traceback ...\n{type(error).__name__}: {error}", error)


def _group(error: Exception) -> WorkerGroupError:
    return WorkerGroupError("a worker failed", {1: error})


FULL = torch.OutOfMemoryError("CUDA out of memory")
LOOKS_FULL = RuntimeError("out of memory, torch.OutOfMemoryError, node has died")


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (_raised(FULL), "memory"),
        (_raised(FULL).as_instanceof_cause(), "memory"),
        (OutOfMemoryError("killed"), "memory"),
        (MemoryKillError(error_msg="killed"), "memory"),
        (_group(UserExceptionWithTraceback(FULL, "Traceback ...")), "memory"),
        (_group(WorkerHealthCheckFailedError("gone", OutOfMemoryError("killed"))), "memory"),
        (_raised(TrainingFailedError(Failure("full", "memory"))), "memory"),
        (ActorDiedError(), "lost"),
        (NodeDiedError("node"), "lost"),
        (WorkerCrashedError(), "lost"),
        (_group(WorkerHealthCheckFailedError("gone", ActorDiedError())), "lost"),
        (_raised(TrainingFailedError(Failure("gone", "lost"))), "lost"),
        (_raised(LOOKS_FULL), "error"),
        (_group(UserExceptionWithTraceback(LOOKS_FULL, "Traceback ...")), "error"),
    ],
)
def test_the_cause_is_read_from_the_types_of_errors(error: Exception, cause: Cause) -> None:
    assert failure_of(error).cause == cause
    # As Tune keeps it.
    assert failure_of(pickle.loads(cloudpickle.dumps(error))).cause == cause


def _config(folder: Path, *names: str) -> dict[str, Any]:
    """The configuration of a worker group for trainings in these folders."""
    tasks = [SimpleNamespace(name=name, trial_dir=TrialDir(folder / name)) for name in names]
    return {"tasks": tasks, "gpus": 0, "refusal": folder / "refusal.txt",
            "interruption": folder / "interruption.txt"}  # fmt: skip


def test_only_the_training_that_was_interrupted_gets_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first has ended before, and the last was begun by an earlier command."""
    config, given = _config(tmp_path, "ended", "running", "begun"), {}
    write_bytes(TrialDir(tmp_path / "ended").shipped, b"{}")
    write_reason(config["interruption"], "rank 1: killed")

    def works(task: Any, reporter: object, gpus: float, interruption: str | None) -> None:
        given[task.name] = interruption

    monkeypatch.setattr(train_group, "work", works)
    monkeypatch.setattr(train_group, "TrainReporter", lambda task: None)
    assert train_group._train_all(config) is None
    assert given == {"ended": "rank 1: killed", "running": "rank 1: killed", "begun": None}


@pytest.mark.parametrize("ended", [False, True])
def test_an_error_after_the_group_has_ended_is_no_mistake_of_the_user(
    ended: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost connection ends the group from another thread. Then torch raises ValueError, which
    would end the training for good."""

    def fails(*_: object) -> None:
        if ended:
            distributed.destroy_process_group()
        raise ValueError("Default process group has not been initialized")

    monkeypatch.setattr(train_group, "work", fails)
    monkeypatch.setattr(train_group, "TrainReporter", lambda task: None)
    store = distributed.HashStore()
    distributed.init_process_group("gloo", rank=0, world_size=1, store=store)
    refusal = tmp_path / "refusal.txt"
    try:
        with pytest.raises(RuntimeError if ended else ValueError, match="Default process group"):
            train_group._train_all(_config(tmp_path, "a"))
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()
    assert refusal.is_file() != ended
