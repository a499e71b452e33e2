"""What is shown while trainings run: on the console and in TensorBoard's files."""

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
from tensorboard.plugins.hparams.metadata import (
    SESSION_START_INFO_TAG,
    parse_session_start_info_plugin_data,
)

from raytrain.backend.progress import Progress
from raytrain.backend.tensorboard import BoardView
from raytrain.engine.pace import Pace, Waited
from raytrain.runs.history import Row, append_row, read_history, write_history
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import print_messages, show_details
from raytrain.runs.record import Task, write_record
from tests.tiny import SPEC, task_in

FIGURES = (
    r"loss [\d.]+, val loss [\d.]+, val Dice [\d.]+ \([\d. ]+\), lr [\d.e-]+, \d+ images/s, "
    r"waiting for data \d+ %, [\d.]+ GB, \d+ s left"
)


def row(epoch: int, **other: object) -> Row:
    """As the engine writes it, but that `train_loss` is 1 / epoch."""
    return {
        "epoch": epoch, "train_loss": 1 / epoch, "lr": 1e-3, "seconds": 2.0, "samples_per_s": 20.0,
        "wait_share": 0.25, "images": 40, "ranks": 1, "host_gb": 1.5, "val_loss": 0.5,
        "val_score": epoch / 10, "val_dice": epoch / 10, "val_dice_per_class": [0.2, 0.3],
        "time": 1000.0 + epoch, "epoch_seconds": 3.0, "seconds_left": 3.0 * (4 - epoch), **other,
    }  # fmt: skip


def trials(run: RunDir, count: int) -> list[Task]:
    """Tasks with fingerprints and names of their own."""
    return [
        replace(task_in(run.trial(f"{n:012x}").path), name=f"search_{'x' * n}_{n:04x}")
        for n in range(count)
    ]


def follow(progress: Progress, tasks: list[Task]) -> None:
    for task in tasks:
        progress.follow(task)


@pytest.fixture
def details() -> Iterator[None]:
    """Details are shown, as with `--verbose`."""
    show_details()
    yield
    print_messages()


def test_with_details_eight_trials_at_once_leave_a_line_an_epoch_each_with_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], details: None
) -> None:
    tasks = trials(RunDir(tmp_path), 8)
    append_row(tasks[0].trial_dir.history, row(1))  # of an earlier driver: it is past
    with Progress("search", tasks, [1, 2], []) as progress:
        follow(progress, tasks)
        for epoch in range(1, 5):
            for task in tasks:
                if epoch > 1 or task is not tasks[0]:
                    append_row(task.trial_dir.history, row(epoch))
        # A worker that was killed begins at its checkpoint, and says nothing twice.
        write_history(tasks[1].trial_dir.history, [row(1), row(2)])
        for task in tasks:
            progress.ended(write_record(task, "finished", None))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "search: 8 trainings"
    told = [line for line in lines if ": epoch" in line]
    for number, task in enumerate(tasks):
        mine = [line for line in told if f" {task.name}:" in line]
        first, last = (2 if number == 0 else 1), (2 if number == 1 else 4)
        epochs = [int(re.search(r"epoch (\d+)/4, ", line)[1]) for line in mine]  # type: ignore[index]
        assert epochs[-1] >= last
        assert epochs == list(range(first, epochs[-1] + 1))
        assert all(re.search(FIGURES + "$", line) for line in mine), mine
    assert told[-1].endswith(
        "epoch 4/4, loss 0.2500, val loss 0.5000, val Dice 0.4000 (0.200 0.300), lr 0.001, "
        "20 images/s, waiting for data 25 %, 1.5 GB, 0 s left"
    )
    ends = [line for line in lines if line.startswith("  finished")]
    assert len(ends) == 8
    assert ends[-1].endswith("8 of 8 ended")


def test_of_a_search_only_the_trials_that_have_begun_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], details: None
) -> None:
    begun, later = trials(RunDir(tmp_path), 2)
    with Progress("search", [begun, later], [], []) as progress:
        progress.follow(begun)
        for task in (begun, later):
            append_row(task.trial_dir.history, row(1))
    text = capsys.readouterr().out
    assert "search: 2 trainings" in text
    assert f"{begun.name}: epoch 1/4" in text
    assert f"{later.name}: epoch" not in text


def test_times_of_epochs_and_of_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0, 2, 3, 3, 10, 10])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    batches = Waited("ab")
    assert list(batches) == ["a", "b"]
    assert batches.seconds == 2 + 0 + 0  # between 0 and 2, 3 and 3, 10 and 10
    clock = iter([0, 9, 12, 17])
    pace = Pace()
    times = [pace.times(epoch, 10) for epoch in (1, 2, 3)]
    assert [row["epoch_seconds"] for row in times] == [9, 3, 5]
    assert [row["seconds_left"] for row in times] == [81, 6 * 8, 5 * 7]


def scalars(run: RunDir) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """What TensorBoard reads: trial -> tag -> (step, value)."""
    found = EventMultiplexer().AddRunsFromDirectory(str(run.path)).Reload()
    return {
        name: {
            tag: [(event.step, round(event.value, 6)) for event in found.Scalars(name, tag)]
            for tag in tags["scalars"]
        }
        for name, tags in found.Runs().items()
    }


def hyper_parameters(run: RunDir, name: str) -> dict[str, Any]:
    found = EventMultiplexer().AddRunsFromDirectory(str(run.path)).Reload()
    content = found.SummaryMetadata(name, SESSION_START_INFO_TAG).plugin_data.content
    given = parse_session_start_info_plugin_data(content).hparams
    return {key: getattr(value, value.WhichOneof("kind")) for key, value in given.items()}


def test_tensorboard_shows_each_trial_by_name_and_no_step_twice(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    one, two = trials(run, 2)
    for rows in ([row(1)], [row(1), row(2)]):
        with Progress("search", [one, two], [], [BoardView(run)]) as progress:
            follow(progress, [one, two])
            write_history(one.trial_dir.history, rows)
            write_history(two.trial_dir.history, rows[:1])
    # The driver was killed; the training goes on from epoch 1 on another number of workers.
    with Progress("search", [one, two], [], [BoardView(run)]) as progress:
        follow(progress, [one, two])
        write_history(one.trial_dir.history, [row(1)])
        append_row(one.trial_dir.history, row(2, train_loss=0.7))
        append_row(one.trial_dir.history, row(3))
        progress.ended(write_record(one, "stopped", "at the rung of epoch 3"))
    found = scalars(run)
    assert found.keys() == {f"tensorboard/{one.name}", f"tensorboard/{two.name}"}
    mine = found[f"tensorboard/{one.name}"]
    assert mine["loss/train"] == [(1, 1.0), (2, 0.7), (3, 0.333333)]
    assert mine["score/val_dice"] == [(1, 0.1), (2, 0.2), (3, 0.3)]
    assert mine["val_dice_class/2"] == [(1, 0.3), (2, 0.3), (3, 0.3)]
    assert mine["speed/wait_share"][0] == (1, 0.25)
    assert mine["final/val_score"] == [(3, 0.3)]
    assert len(found[f"tensorboard/{two.name}"]["loss/train"]) == 1
    given = hyper_parameters(run, f"tensorboard/{one.name}")
    assert given["optimizer.lr"] == SPEC.optimizer.lr
    assert given["model.name"] == "unet"
    assert given["status"] == "stopped"


def test_tensorboard_follows_a_history_that_takes_another_turn(tmp_path: Path) -> None:
    """A corrupt checkpoint: the worker goes back under the eyes of its driver."""
    run = RunDir(tmp_path / "run")
    [task] = trials(run, 1)
    view = BoardView(run)
    for rows in ([row(1), row(2), row(3)], [row(1)], [row(1), row(2, train_loss=0.7)]):
        write_history(task.trial_dir.history, rows)
        view.update(task, read_history(task.trial_dir.history))
    view.looked()
    view.close()
    [found] = scalars(run).values()
    assert found["loss/train"] == [(1, 1.0), (2, 0.7)]


class _Failing:
    """A view that cannot write at first."""

    name = "broken"

    def __init__(self) -> None:
        self.failed = threading.Barrier(2)
        self.left = 2
        self.told: list[int | str] = []

    def update(self, task: Task, rows: list[Row]) -> None:
        if self.left:
            self.left -= 1
            if not self.left:
                self.failed.wait(timeout=60)
            raise OSError("No space left on device")
        self.told.append(len(rows))

    def ended(self, task: Task, record: object) -> None:
        self.told.append("end")

    def looked(self) -> None: ...

    def close(self) -> None: ...


def test_a_view_that_fails_holds_up_nothing_and_is_told_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [task] = trials(RunDir(tmp_path), 1)
    append_row(task.trial_dir.history, row(1))
    view = _Failing()
    with Progress("search", [task], [], [view]) as progress:
        progress.follow(task)
        view.failed.wait(timeout=60)
        append_row(task.trial_dir.history, row(2))
        progress.ended(write_record(task, "finished", None))
    assert view.told[-2:] == [2, "end"]
    assert (
        capsys.readouterr().out.count(
            "broken: an update failed and is tried again: OSError: No space left"
        )
        == 1
    )
