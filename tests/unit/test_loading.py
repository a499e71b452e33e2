"""Processes that prepare batches: room in shared memory is looked at, and a wait has an end."""

import gc
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils.data import Dataset, SequentialSampler, _utils

from raytrain.data import loading
from raytrain.data.loading import BatchLoader, LoaderError, _set_up_loader, room_problem


@pytest.fixture(autouse=True)
def _processes_end_at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Torch waits for processes that an error left behind when their iterator is collected."""
    monkeypatch.setattr(_utils, "MP_STATUS_CHECK_INTERVAL", 0.01)
    yield
    gc.collect()


class _Batches(Dataset[torch.Tensor]):
    """The second of three batches does not come, or ends its process."""

    def __init__(self, way: str):
        self.way = way

    def __len__(self) -> int:
        return 3

    def __getitem__(self, number: int) -> torch.Tensor:
        if number == 1 and self.way == "hangs":
            threading.Event().wait()
        if number == 1 and self.way == "dies":
            os._exit(7)
        if number == 1 and self.way == "raises":
            raise RuntimeError("the data's own")
        return torch.full((4,), number)


def _read(way: str) -> list[int]:
    data = _Batches(way)
    loader = BatchLoader(data, SequentialSampler(data), 1, 4, False)
    return [int(batch[0]) for batch in loader]


def test_batches_come_in_order() -> None:
    assert _read("") == [0, 1, 2]


@pytest.mark.parametrize("way", ["hangs", "dies"])
def test_a_batch_that_does_not_come_is_said(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "hangs":
        monkeypatch.setenv("RAYTRAIN_STALL_S", "0.03")
    with pytest.raises(LoaderError, match=r"resources\.loaders: no batch .* --shm-size") as error:
        _read(way)
    assert "\n" not in str(error.value)


def test_an_error_of_the_data_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="the data's own"):
        _read("raises")


def test_room_is_looked_at_before_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free: Any = SimpleNamespace(f_bavail=1000, f_frsize=1000)
    monkeypatch.setattr(os, "statvfs", lambda path: free)
    monkeypatch.setattr(loading, "SHARED", tmp_path)
    # Two batches for each of four processes, and one that is trained on.
    assert room_problem(4, 111_111) is None
    problem = room_problem(4, 111_112)
    assert problem is not None
    assert "4 processes" in problem
    assert "need 1 MB" in problem
    assert room_problem(0, 10**9) is None
    data = _Batches("")
    with pytest.raises(LoaderError, match=r"1 MB are free; set resources\.loaders=0"):
        BatchLoader(data, SequentialSampler(data), 4, 10**6, False)
    # Where there is no such folder, nothing is known.
    monkeypatch.setattr(loading, "SHARED", tmp_path / "none")
    assert room_problem(4, 10**9) is None


def test_ctrl_c_is_not_for_loaders() -> None:
    """Each of them would print a traceback."""
    before, strategy = signal.getsignal(signal.SIGINT), torch.multiprocessing.get_sharing_strategy()
    try:
        _set_up_loader(0)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
        torch.multiprocessing.set_sharing_strategy(strategy)
