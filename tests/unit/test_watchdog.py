"""A process that stands still in a step ends itself; one that takes its time elsewhere does not."""

import threading
from pathlib import Path

import pytest
import torch
from torch import nn

from raytrain.engine.parallel import World
from raytrain.engine.watchdog import EXIT_CODE, RESTS, UNWATCHED, Watchdog, interruption_notes
from raytrain.runs.attempts import Start, append_start
from raytrain.runs.layout import TrialDir
from tests.commands import quick_processes

FLOOR_S = 0.3


def _train(folder: Path, still_at: int) -> None:
    """Two epochs of four steps, slow wherever that is allowed; stands still in one step."""
    world, slow = World(1, 3, torch.device("cpu")), threading.Event()
    with Watchdog("b", FLOOR_S) as watch:
        watch.start(folder, world, ["a", "b", "c"])
        for epoch in (1, 2):
            for step in watch.steps(range(4), epoch, nn.Identity()):
                if step == 0:
                    slow.wait(3 * FLOOR_S)
                if 4 * (epoch - 1) + step == still_at:
                    slow.wait()
            watch.rest()
            slow.wait(FLOOR_S * (3 if still_at < 100 else 3 * RESTS))
        watch.off()
        slow.wait(2 * RESTS * FLOOR_S)
    (folder / "done").touch()


def _run(folder: Path, still_at: int) -> int | None:
    process = quick_processes().Process(target=_train, args=(folder, still_at))
    process.start()
    process.join(timeout=60)
    return process.exitcode


@pytest.mark.slow
def test_first_steps_and_what_is_between_epochs_may_take_long(tmp_path: Path) -> None:
    assert _run(tmp_path, -1) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["done"]


@pytest.mark.slow
def test_a_standstill_between_epochs_is_told_later(tmp_path: Path) -> None:
    assert _run(tmp_path, 100) == EXIT_CODE
    [path] = tmp_path.iterdir()
    assert path.name == "stalled_epoch0001_step00004_rank1.txt"


@pytest.mark.slow
def test_a_standstill_is_told_and_ends_the_process(tmp_path: Path) -> None:
    assert _run(tmp_path, 6) == EXIT_CODE
    [path] = tmp_path.iterdir()
    assert path.name == "stalled_epoch0002_step00002_rank1.txt"
    text = path.read_text()
    assert "rank 1 of 3 on b made no step for" in text
    assert "after step 2 of epoch 2" in text
    assert "in _train" in text
    one, *others = interruption_notes(UNWATCHED, TrialDir(tmp_path), [])
    assert one.startswith("rank 1 of 3 on b made no step")
    assert path.name in one
    assert others == [
        f"rank {rank} on {node} wrote no stacks: it was suspended, or its process has ended"
        for rank, node in ((0, "a"), (2, "c"))
    ]
    assert (
        interruption_notes(
            UNWATCHED, TrialDir(tmp_path), [{"epoch": 1}, {"epoch": 2, "notes": [one]}]
        )
        == []
    )


def test_only_a_training_that_had_started_was_interrupted(tmp_path: Path) -> None:
    directory, watch = TrialDir(tmp_path), Watchdog("b", FLOOR_S, "rank 1: killed")
    assert interruption_notes(watch, directory, []) == []
    append_start(directory, Start(epochs=0, nodes=("a", "b")))
    expected = ["interrupted after epoch 1: rank 1: killed"]
    assert interruption_notes(watch, directory, [{"epoch": 1}]) == expected
    assert interruption_notes(Watchdog("b", FLOOR_S), directory, [{"epoch": 1}]) == []
