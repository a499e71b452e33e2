"""The ends of a search's trials are recorded in order, beside Tune's loop."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from raytrain.cluster.run_search import _EndOfTrial
from raytrain.runs.record import Task
from tests.tiny import task_in

WAIT_S = 60.0
"""Until a test fails that would wait forever."""


class Search:
    """Keeps what it is told, once `open` is set."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.told: list[tuple[str, str, str | None]] = []

    def tell(self, task: Task, status: str, reason: str | None) -> None:
        assert self.open.wait(WAIT_S)
        if task.name == "broken":
            raise OSError("the disk is full")
        self.told.append((task.name, status, reason))


@pytest.fixture
def search() -> Search:
    return Search()


def ends_of(search: Any, *, patient: bool) -> _EndOfTrial:
    searcher: Any = SimpleNamespace(patient=patient)
    return _EndOfTrial(search, searcher)


def trial(folder: Path, name: str) -> Any:
    task = task_in(folder / name)
    object.__setattr__(task, "name", name)
    return SimpleNamespace(config={"task": task}, last_result={"epoch": 3})


def finished(folder: Path, name: str) -> Any:
    found = trial(folder, name)
    shipped = found.config["task"].trial_dir.shipped
    shipped.parent.mkdir(parents=True)
    shipped.touch()
    return found


def test_tunes_loop_goes_on_while_ends_are_recorded_in_order(
    search: Search, tmp_path: Path
) -> None:
    ends = ends_of(search, patient=False)
    for each in (trial(tmp_path, "a"), finished(tmp_path, "b"), trial(tmp_path, "c")):
        ends.on_trial_complete(0, [], each)
    assert search.told == []
    search.open.set()
    ends.wait()
    stopped = ("stopped", "at the rung of epoch 3")
    assert search.told == [("a", *stopped), ("b", "finished", None), ("c", *stopped)]


def test_a_search_that_draws_by_results_has_them_at_once(search: Search, tmp_path: Path) -> None:
    search.open.set()
    done = finished(tmp_path, "a")
    done.last_result = {}  # it was trained before, and had nothing to report
    ends_of(search, patient=True).on_trial_complete(0, [], done)
    assert search.told == [("a", "finished", None)]


def test_an_end_that_cannot_be_recorded_is_said_and_raised(
    search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("raytrain.cluster.run_search.warn", said.append)
    search.open.set()
    ends = ends_of(search, patient=False)
    for name in ("broken", "b"):
        ends.on_trial_complete(0, [], trial(tmp_path, name))
    with pytest.raises(OSError, match="the disk is full"):
        ends.wait()
    assert said == ["broken: its end could not be recorded: the disk is full"]
    # The others are recorded.
    assert [name for name, *_ in search.told] == ["b"]


def test_an_interrupted_search_drops_the_ends_that_wait(search: Search, tmp_path: Path) -> None:
    ends = ends_of(search, patient=False)
    for name in ("a", "b", "c"):
        ends.on_trial_complete(0, [], trial(tmp_path, name))
    closing = threading.Thread(target=ends.drop)
    closing.start()
    while not all(end.cancelled() for end in ends._ends[1:]):
        closing.join(0.01)
    # The first one was being recorded, and is.
    search.open.set()
    closing.join(WAIT_S)
    assert not closing.is_alive()
    assert [name for name, *_ in search.told] == ["a"]
