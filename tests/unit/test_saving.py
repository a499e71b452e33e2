"""A training's files are written, and sent to the storage, beside the next epoch's steps."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from raytrain.engine import saving
from raytrain.engine import trial as engine
from raytrain.engine.checkpoint import load_checkpoint
from raytrain.engine.parallel import World
from raytrain.engine.reporter import SilentReporter
from raytrain.engine.trial import Samples, run_trial
from raytrain.runs.attempts import read_starts
from raytrain.runs.history import Row, read_history
from raytrain.runs.record import Task
from tests.tiny import SPEC, make_task

WAIT_S = 60.0
"""Until a test fails that would wait forever."""


@pytest.fixture
def task(samples: Samples, tmp_path: Path) -> Task:
    """Two epochs."""
    spec = SPEC.model_copy(update={"epochs": 2})
    return make_task(tmp_path / "trials" / "0", samples, spec)


def epochs_of(folder: Path) -> list[int]:
    return [row["epoch"] for row in read_history(folder / "history.jsonl")]


def test_the_next_epoch_trains_while_one_is_written(
    task: Task, samples: Samples, trained: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint has the weights of its epoch, although the next one has changed them."""
    second, train_epoch, save_weights = threading.Event(), engine.train_epoch, engine.save_weights

    def learned(training: Any, loader: Any, history: list[Row]) -> Row:
        row = train_epoch(training, loader, history)
        if history:
            second.set()
        return row

    def slow(path: Path, state: dict[str, Any], card: dict[str, Any]) -> None:
        assert second.wait(WAIT_S), "training waits until an epoch is written"
        save_weights(path, state, card)

    monkeypatch.setattr(engine, "save_weights", slow)
    monkeypatch.setattr(engine, "train_epoch", learned)
    run_trial(replace(task, spec=trained.spec), samples, SilentReporter())
    assert epochs_of(task.directory) == [1, 2, 3, 4]
    ours, theirs = (
        {path.name: load_checkpoint(path) for path in each.trial_dir.checkpoints.glob("epoch_*.pt")}
        for each in (task, trained)
    )
    assert ours.keys() == theirs.keys()
    for name, state in theirs.items():
        for part in ("model", "train_model"):
            assert all(torch.equal(v, ours[name][part][k]) for k, v in state[part].items()), name


def test_the_next_epoch_trains_while_one_is_sent(
    task: Task, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    second, train_epoch = threading.Event(), engine.train_epoch
    sent: list[list[int]] = []

    def slow(folder: Path) -> None:
        assert sent or second.wait(WAIT_S), "training waits until an epoch is sent"
        sent.append(epochs_of(folder))

    def trained(training: Any, loader: Any, history: list[Row]) -> Row:
        if history:
            second.set()
        return train_epoch(training, loader, history)

    monkeypatch.setattr(saving, "send", slow)
    monkeypatch.setattr(engine, "train_epoch", trained)
    run_trial(task, samples, SilentReporter())
    # The row of the second epoch is written after the first epoch has been sent.
    assert sent == [[1], [1, 2]]


class Late(ThreadPoolExecutor):
    """Does nothing before its result is requested."""

    def submit(self, function: Callable[..., Any], /, *values: Any, **named: Any) -> Any:
        return SimpleNamespace(result=lambda: function(*values, **named))


def test_a_trial_of_a_search_reports_an_epoch_after_it_has_been_sent(
    task: Task, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver reads the files of a trial that it stops or pauses at a report."""
    sent: list[list[int]] = []
    reported: list[list[int]] = []

    class Reporter:
        def report(self, row: Row) -> None:
            reported.append(sent[-1] if sent else [])

    monkeypatch.setattr(saving, "ThreadPoolExecutor", Late)
    monkeypatch.setattr(saving, "send", lambda folder: sent.append(epochs_of(folder)))
    run_trial(replace(task, station="search"), samples, Reporter())
    assert reported == [[1], [1, 2]]


class Stopped:
    """Ends the training after its first epoch, as Tune does."""

    def report(self, row: Row) -> None:
        raise SystemExit


def test_a_trial_that_is_stopped_is_sent_before_it_ends(
    task: Task, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped, sent = threading.Event(), []

    def slow(folder: Path) -> None:
        assert stopped.wait(WAIT_S)
        sent.append(epochs_of(folder))

    class Reporter(Stopped):
        def report(self, row: Row) -> None:
            stopped.set()
            super().report(row)

    monkeypatch.setattr(saving, "send", slow)
    with pytest.raises(SystemExit):
        run_trial(task, samples, Reporter())
    assert sent == [[1]]


def test_workers_continue_from_the_newest_checkpoint_that_all_of_them_have(
    task: Task, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node was lost while epoch 2 was sent: the worker in its place finds epoch 1 alone."""

    class Behind(World):
        def gather(self, value: Any) -> list[Any]:
            return [value, 1 if isinstance(value, int) else value]

    monkeypatch.setattr(saving, "send", lambda folder: None)
    run_trial(task, samples, SilentReporter())
    monkeypatch.setattr(engine, "current_world", lambda: Behind(0, 1, torch.device("cpu")))
    run_trial(task, samples, SilentReporter())
    assert [start.epochs for start in read_starts(task.trial_dir)] == [0, 1]
    assert epochs_of(task.directory) == [1, 2]


def test_a_storage_that_cannot_be_written_ends_the_training(
    task: Task, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Path) -> None:
        raise OSError("the bucket is away")

    monkeypatch.setattr(saving, "send", broken)
    with pytest.raises(OSError, match=r"epoch 1 could not be written \(the bucket is away\)"):
        run_trial(task, samples, SilentReporter())
    # Nothing of the second epoch is written: the same command continues after the first one.
    assert epochs_of(task.directory) == [1]


def test_checkpoints_are_deleted_only_after_later_ones_are_sent(
    task: Task, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def looked(folder: Path) -> None:
        seen.append(sorted(path.stem for path in (folder / "checkpoints").glob("epoch_*.pt")))

    monkeypatch.setattr(saving, "send", looked)
    spec = task.spec.model_copy(update={"epochs": 4})
    run_trial(replace(task, spec=spec), samples, SilentReporter())
    assert seen[0] == ["epoch_0001"]
    assert "epoch_0004" in seen[3]
    assert len(seen[3]) > len(list(task.trial_dir.checkpoints.glob("epoch_*.pt")))


def test_a_snapshot_has_the_values_and_none_of_the_memory_of_a_state() -> None:
    halves_23 = torch.arange(6.0).reshape(2, 3).half()
    channels_last = torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last)
    state = {
        "epoch": 3, "ema": None, "rates": (0.9, 0.999), "history": [{"loss": 0.5}],
        "model": {"weight": channels_last, "half": halves_23, "count": torch.tensor(7)},
        "empty": torch.empty(0, 4),
    }  # fmt: skip
    found = saving.snapshot(state)
    assert found.keys() == state.keys()
    assert [found[key] for key in ("epoch", "ema", "rates", "history")] == [
        3, None, (0.9, 0.999), [{"loss": 0.5}],
    ]  # fmt: skip
    for key, value in (*state["model"].items(), ("empty", state["empty"])):
        copied = found["model"].get(key, found["empty"])
        assert copied.dtype == value.dtype
        assert (copied.shape, copied.stride()) == (value.shape, value.stride())
        assert torch.equal(copied, value)
        # torch.save writes the whole storage of a view.
        assert copied.untyped_storage().nbytes() == value.numel() * value.element_size()
    before = found["model"]["weight"].clone()
    channels_last.zero_()
    assert torch.equal(found["model"]["weight"], before)
