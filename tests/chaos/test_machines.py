"""Nodes, the controller and the driver killed, drained and replaced: the same weights."""

import subprocess
import sys
from pathlib import Path

from raytrain.runs.layout import TrialDir
from tests.chaos.conftest import EPOCHS
from tests.nodes import Nodes, Training, figures_of, resumed_well, same_weights, write_training


def _started(two: Nodes, folder: Path) -> Training:
    return Training(write_training(folder, "runs", EPOCHS), "2", two.env, folder / "log")


def test_node_controller_and_driver_killed(two: Nodes, whole: TrialDir, tmp_path: Path) -> None:
    training = _started(two, tmp_path)
    with training.held(1):
        two.remove(two.workers[0])
        two.add()
    # The driver's own task fits the group again under the same name.
    with training.held(3):
        training.controller().kill()
    with training.held(5):
        training.kill()
    training.start()
    training.end()
    resumed_well(training)
    assert len(list((training.run.path / "ray").glob("*"))) == 2
    assert figures_of(training.directory) == figures_of(whole)
    assert same_weights(training.directory, whole)


def test_a_drained_node_is_left_after_its_epoch(
    two: Nodes, whole: TrialDir, tmp_path: Path
) -> None:
    training, node = _started(two, tmp_path), two.workers[0]
    drain = [
        str(Path(sys.executable).parent / "ray"), "drain-node", "--address",
        two.cluster.address, "--node-id", node.node_id, "--reason",
        "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "test",
        "--deadline-remaining-seconds", "600",
    ]  # fmt: skip
    with training.held(1):
        subprocess.run(drain, check=True, timeout=120)
        two.add()
        training.until(lambda: any(tmp_path.glob("preempted_*")))
    training.end()
    two.remove(node)
    starts = training.starts()
    assert [start.epochs for start in starts] == [0, training.seen[0] + 1]
    assert node.node_id[:8] in str(starts[0].nodes)
    assert node.node_id[:8] not in str(starts[1].nodes)
    assert figures_of(training.directory) == figures_of(whole)
    assert same_weights(training.directory, whole)


def test_a_terminated_worker_and_driver_go_on(two: Nodes, whole: TrialDir, tmp_path: Path) -> None:
    training = _started(two, tmp_path)
    with training.held(1):
        training.workers()[0].terminate()
    with training.held(3):
        training.driver.terminate()
        training.driver.wait(120)
    training.start()
    training.end()
    resumed_well(training)
    assert figures_of(training.directory) == figures_of(whole)
    assert same_weights(training.directory, whole)


def test_workers_go_and_come(two: Nodes, whole: TrialDir, tmp_path: Path) -> None:
    """Of one to two workers: two, one when a node goes, two when another comes."""
    # For a while Ray tries to start as many as there were.
    env = two.env | {"RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "60"}
    job = write_training(tmp_path, "runs", EPOCHS)
    training = Training(job, "1-2", env, tmp_path / "log")
    with training.held(1):
        two.remove(two.workers[0])
    with training.held(3):
        two.add()
        training.until(lambda: len(training.starts()) == 3)
    training.end()
    resumed_well(training)
    assert [len(start.nodes) for start in training.starts()] == [2, 1, 2]
    rows, expected = figures_of(training.directory), figures_of(whole)
    assert [row["images"] for row in rows] == [row["images"] for row in expected]
    assert abs(rows[-1]["val_dice"] - expected[-1]["val_dice"]) <= 0.02
