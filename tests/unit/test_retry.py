"""A trial that fails is tried once more with half the batch, and stops no other."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils.data._utils.fetch import _MapDatasetFetcher

from raytrain.backend.local import LocalBackend
from raytrain.config.schedulers import NoSchedulerSpec
from raytrain.config.search import SearchSpec
from raytrain.data.epoch_plan import BatchPlan
from raytrain.data.report import write_report
from raytrain.engine.checkpoint import newest_checkpoint
from raytrain.engine.trial import Samples
from raytrain.pipeline.search import BestCheckpoints
from raytrain.report.search_section import incidents
from raytrain.report.terminal import leaderboard_table
from raytrain.runs.attempts import Cause, Failure, read_attempts
from raytrain.runs.history import read_history, write_history
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Status, Task, read_record, read_records, write_record
from raytrain.runs.retry import as_tried, note_failure
from raytrain.search.leaderboard import rows, write_leaderboard
from tests.runs import ListedSearch
from tests.tiny import SPEC, make_task

OUT = "CUDA out of memory. Tried to allocate 2.00 GiB"


def _tasks(samples: Samples, run: Path) -> list[Task]:
    """Two trials of a run on the tiny data, the first with a batch of 4, the other of 2."""
    tasks = []
    for name, batch in (("first", 4), ("second", 2)):
        spec = SPEC.model_copy(update={"batch_size": batch, "epochs": 2})
        tasks.append(make_task(run / "trials" / name, samples, spec))
    return tasks


def _search(run: Path, tasks: list[Task]) -> dict[str, tuple[Status, str | None]]:
    search = ListedSearch(run, tasks, SearchSpec(scheduler=NoSchedulerSpec()), 2)
    LocalBackend().search(search)
    return search.ends


@pytest.fixture
def run(samples: Samples, tmp_path: Path) -> Path:
    """A run directory on the tiny data."""
    write_report(RunDir(tmp_path).data_report, samples.report)
    return tmp_path


def _small_memory(monkeypatch: pytest.MonkeyPatch, images: int) -> None:
    """Batches of so many images can be put together (a step or an evaluation that runs out of
    memory is taken in parts)."""
    whole = _MapDatasetFetcher.fetch

    def fetch(self: _MapDatasetFetcher, index: BatchPlan) -> object:
        if len(index.windows) > images:
            raise torch.OutOfMemoryError(OUT)
        return whole(self, index)

    monkeypatch.setattr(_MapDatasetFetcher, "fetch", fetch)


def test_out_of_memory_halves_the_batch_and_the_others_go_on(
    samples: Samples, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _small_memory(monkeypatch, images=2)
    first, second = _tasks(samples, run)
    ends = _search(run, [first, second])
    assert ends == {"first": ("finished", None), "second": ("finished", None)}
    [attempt] = read_attempts(first.trial_dir)
    assert (attempt.batch_size, attempt.epochs, attempt.cause) == (4, 0, "memory")
    assert attempt.reason == f"OutOfMemoryError: {OUT}"
    record = read_record(first.trial_dir)
    assert record is not None
    assert record.spec.batch_size == 4  # what was asked, and so its fingerprint
    assert record.attempts == (attempt,)
    state = newest_checkpoint(first.trial_dir.checkpoints)
    assert state is not None
    # Ten images in batches of 2: as many steps as the trial that was asked for 2.
    other = newest_checkpoint(second.trial_dir.checkpoints)
    assert other is not None
    assert _steps(state) == _steps(other) == 10
    assert read_attempts(second.trial_dir) == []


def _steps(state: dict[str, Any]) -> int:
    return int(next(iter(state["optimizer"]["state"].values()))["step"])


def test_a_trial_that_fails_again_is_recorded_with_its_reason(
    samples: Samples, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _small_memory(monkeypatch, images=1)
    first, second = _tasks(samples, run)
    ends = _search(run, [first, second])
    assert ends["first"] == ("failed", f"OutOfMemoryError: {OUT}")
    assert [a.batch_size for a in read_attempts(first.trial_dir)] == [4, 2]
    # The other one's half is 1, which has room.
    assert ends["second"] == ("finished", None)
    record = read_record(first.trial_dir)
    assert record is not None
    assert record.reason == f"OutOfMemoryError: {OUT}"


def test_a_batch_is_halved_once_and_never_below_one_image(samples: Samples, run: Path) -> None:
    full = Failure("OutOfMemoryError: full", "memory")
    first, _ = _tasks(samples, run)
    assert as_tried(first) == first
    for _ in range(3):
        note_failure(first, full)
        assert as_tried(first).spec.batch_size == 2
    assert as_tried(first).fingerprint == first.fingerprint
    one = make_task(run / "trials/one", samples, SPEC.model_copy(update={"batch_size": 1}))
    note_failure(one, full)
    assert as_tried(one).spec.batch_size == 1


@pytest.mark.parametrize("cause", ["lost", "error"])
def test_nothing_but_a_lack_of_memory_halves_the_batch(
    samples: Samples, run: Path, cause: Cause
) -> None:
    first, _ = _tasks(samples, run)
    # Whatever the text says: it may quote anything.
    note_failure(first, Failure("out of memory, said the user's own loss", cause))
    assert as_tried(first) == first


def test_failed_attempts_are_shown_wherever_the_score_is(samples: Samples, run: Path) -> None:
    halved, plain = (replace(task, station="search") for task in _tasks(samples, run))
    for task in (halved, plain):
        row = {"epoch": 1, "val_score": 0.5, "val_dice": 0.4, "val_loss": 1.0, "ranks": 1}
        write_history(task.trial_dir.history, [row | {"seconds": 1.0}])
    note_failure(halved, Failure("died", "lost"))
    note_failure(halved, Failure("full", "memory"))
    record, _ = write_record(halved, "finished", None), write_record(plain, "finished", None)
    assert record.incidents == [
        "attempt 1 with batches of 4 failed after epoch 1: died",
        "attempt 2 with batches of 4 failed after epoch 1: full",
    ]
    facts: Any = SimpleNamespace(trials=[record], others=[])
    assert [text for _, text in incidents(facts)] == record.incidents
    board = write_leaderboard(RunDir(run))
    tries = {row["fingerprint"]: row["attempts"] for row in rows(board)}
    assert tries == {"first": "3, batch size 2 instead of 4", "second": "1"}
    assert "3, batch size 2 instead of 4" in leaderboard_table(board)
    undisturbed = [each for each in board if each.fingerprint == "second"]
    assert "attempts" not in leaderboard_table(undisturbed)


def test_only_the_best_keep_their_weights(samples: Samples, run: Path) -> None:
    scores = {"a": 0.5, "b": 0.9, "c": 0.7, "failed": 0.1, "running": 0.2}
    for name, score in scores.items():
        task = make_task(run / "trials" / name, samples)
        task.trial_dir.checkpoints.mkdir(parents=True)
        (task.trial_dir.checkpoints / "epoch_0001.pt").write_bytes(b"weights")
        row = {"epoch": 1, "val_score": score, "ranks": 1, "seconds": 1.0}
        write_history(task.trial_dir.history, [row])
        if name != "running":
            status: Any = "failed" if name == "failed" else "finished"
            write_record(replace(task, station="search"), status, None)
    BestCheckpoints(RunDir(run), 2, read_records(RunDir(run)))
    kept = {path.parent.name for path in run.glob("trials/*/checkpoints")}
    assert kept == {"b", "c", "failed", "running"}
    for name in scores:
        assert read_history(RunDir(run).trial(name).history)
