"""Nodes, the controller and the driver killed, drained and replaced: the same weights."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from raytrain.runs.layout import TrialDir
from tests.chaos.conftest import EPOCHS
from tests.nodes import Nodes, Training, figures_of, resumed_well, same_weights, write_training


def _started(two: Nodes, folder: Path) -> Training:
    return Training(write_training(folder, "runs", EPOCHS), "2", two.env, folder / "log")


def test_node_controller_and_driver_killed(two: Nodes, whole: TrialDir, tmp_path: Path) -> None:
    training, seen = _started(two, tmp_path), []
    training.until(lambda: training.epochs() >= 1)
    two.remove(two.workers[0])
    seen.append(training.epochs())
    two.add()
    training.until(lambda: len(training.starts()) == 2 and training.epochs() >= 3)
    # The driver's own task fits the group again under the same name.
    training.controller().kill()
    seen.append(training.epochs())
    training.until(lambda: len(training.starts()) == 3 and training.epochs() >= 5)
    training.kill()
    seen.append(training.epochs())
    training.start()
    training.end()
    resumed_well(training, seen, 4)
    assert len(list((training.run.final / "ray").glob("*"))) == 2
    assert figures_of(training.directory) == figures_of(whole)
    assert same_weights(training.directory, whole)


def test_a_drained_node_is_left_after_its_epoch(
    two: Nodes, whole: TrialDir, tmp_path: Path
) -> None:
    training = _started(two, tmp_path)
    training.until(lambda: training.epochs() >= 1)
    node = two.workers[0]
    drain = [
        str(Path(sys.executable).parent / "ray"), "drain-node", "--address",
        two.cluster.address, "--node-id", node.node_id, "--reason",
        "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "test",
        "--deadline-remaining-seconds", "600",
    ]  # fmt: skip
    subprocess.run(drain, check=True, timeout=120)
    two.add()
    seen = [training.epochs()]
    training.end()
    two.remove(node)
    resumed_well(training, seen, 2)
    assert figures_of(training.directory) == figures_of(whole)
    assert same_weights(training.directory, whole)


@pytest.mark.parametrize("number", [signal.SIGTERM])
def test_a_terminated_worker_and_driver_go_on(
    two: Nodes, whole: TrialDir, tmp_path: Path, number: signal.Signals
) -> None:
    training, seen = _started(two, tmp_path), []
    training.until(lambda: training.epochs() >= 1)
    training.workers()[0].send_signal(number)
    seen.append(training.epochs())
    training.until(lambda: len(training.starts()) == 2 and training.epochs() >= 3)
    training.driver.send_signal(number)
    training.driver.wait(120)
    seen.append(training.epochs())
    training.start()
    training.end()
    resumed_well(training, seen, 3)
    assert figures_of(training.directory) == figures_of(whole)
    assert same_weights(training.directory, whole)


def test_workers_go_and_come(two: Nodes, whole: TrialDir, tmp_path: Path) -> None:
    """Of one to two workers: two, one when a node goes, two when another comes."""
    # For a while Ray tries to start as many as there were.
    env = two.env | {"RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "60"}
    job = write_training(tmp_path, "runs", EPOCHS)
    training, seen = Training(job, "1-2", env, tmp_path / "log"), []
    training.until(lambda: training.epochs() >= 1)
    two.remove(two.workers[0])
    seen.append(training.epochs())
    training.until(lambda: len(training.starts()) == 2 and training.epochs() >= 3)
    seen.append(training.epochs())
    # Else it might come to its end before it has grown.
    (tmp_path / "hold").touch()
    two.add()
    training.until(lambda: len(training.starts()) == 3)
    (tmp_path / "hold").unlink()
    training.end()
    resumed_well(training, seen, 3)
    assert [len(start.nodes) for start in training.starts()] == [2, 1, 2]
    rows, expected = figures_of(training.directory), figures_of(whole)
    assert [row["images"] for row in rows] == [row["images"] for row in expected]
    assert abs(rows[-1]["val_dice"] - expected[-1]["val_dice"]) <= 0.02
