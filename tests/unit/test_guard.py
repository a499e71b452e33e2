"""A process that stands still as a whole is killed by the one beside it; others are left alone."""

import os
import signal
import threading
from pathlib import Path

import pytest

from raytrain.engine.guard import guarded
from raytrain.engine.watchdog import UNWATCHED, interruption_notes
from raytrain.runs.layout import TrialDir
from tests.commands import quick_processes

FLOOR_S = 0.25


def _work(folder: Path, way: str) -> None:
    with guarded(FLOOR_S, folder, "here", 0, 1):
        if way == "stopped":
            # It has worked since its last beat.
            sum(range(3_000_000))
            os.kill(os.getpid(), signal.SIGSTOP)
        if way == "waits":
            threading.Event().wait(4 * FLOOR_S)
        if way == "holds the interpreter":
            sum(range(60_000_000))
    (folder / "done").touch()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["stopped", "waits", "holds the interpreter"])
def test_only_what_does_not_run_is_killed(way: str, tmp_path: Path) -> None:
    process = quick_processes().Process(target=_work, args=(tmp_path, way))
    process.start()
    process.join(timeout=60)
    if way != "stopped":
        assert process.exitcode == 0
        assert [path.name for path in tmp_path.iterdir()] == ["done"]
        return
    assert process.exitcode == -signal.SIGKILL
    [note] = interruption_notes(UNWATCHED, TrialDir(tmp_path), [])
    assert "rank 0 of 1 on here did not run at all for" in note
