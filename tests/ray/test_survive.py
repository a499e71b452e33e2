"""Workers of a data-parallel training stopped, stuck and killed in mid-epoch: the same weights."""

import os
from pathlib import Path

from tests.nodes import (
    Training,
    figures_of,
    resumed_well,
    same_weights,
    undisturbed,
    write_training,
)
from tests.ray.conftest import Cluster


def test_a_worker_stopped_stuck_and_killed_trains_the_same_weights(
    cluster: Cluster, tmp_path: Path
) -> None:
    job = write_training(tmp_path, "runs", 7)
    env = cluster.env | {
        "RAYTRAIN_STALL_S": "10",
        "RAYTRAIN_CACHE": os.environ["RAYTRAIN_CACHE"],
    }
    training = Training(job, "2", env, tmp_path / "log")
    # SIGSTOP: its own watchdog stands still with it.
    with training.held(1):
        training.workers()[0].suspend()
    # One rank stands still in a step; the other waits for it.
    with training.held(3):
        (tmp_path / "stand_still").touch()
    # SIGKILL.
    with training.held(5):
        training.workers()[0].kill()
    training.end()
    resumed_well(training)
    whole = undisturbed(job, tmp_path)
    assert figures_of(training.directory) == figures_of(whole)
    assert same_weights(training.directory, whole)
    notes = training.notes()
    interrupted = [note.split(":")[0] for note in notes if "worker process has died" in note]
    assert interrupted == [f"interrupted after epoch {epoch}" for epoch in (1, 3, 5)]
    stuck = [note for note in notes if "made no step for" in note]
    stopped = [note for note in notes if "wrote no stacks" in note]
    assert {note.split(" of 2")[0] for note in stuck[-2:]} == {"rank 0", "rank 1"}
    assert len(stuck) == 3
    assert len(stopped) == 1
    stacks = [path.read_text() for path in training.directory.path.glob("stalled_*.txt")]
    assert any("trap.py" in text and "in wait" in text for text in stacks)
    assert all("Ray node" in note for note in (*stuck, *stopped))
