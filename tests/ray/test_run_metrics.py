"""A run's trials by state, best score and submissions as gauges, from its files."""

from dataclasses import replace
from pathlib import Path

import pytest

from raytrain.cluster import run_metrics
from raytrain.cluster.run_metrics import BEST, STATES, RunMetrics
from raytrain.runs.history import append_row
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Status, write_record
from tests.tiny import task_in


class Gauge:
    """Ray's, as far as it is used here."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def set(self, value: float, tags: dict[str, str]) -> None:
        assert (tags["competition"], tags["run"]) == ("c", "first")
        self.values[tags.get("state", "")] = value


def trial(run: RunDir, number: int, status: Status | None, score: float) -> None:
    """A trial of one epoch, with a record if it has ended."""
    task = replace(task_in(run.trials / f"t{number}"), name=f"t{number}")
    row = {"epoch": 1, "val_score": score, "seconds": 1.0, "ranks": 1}
    if not task.trial_dir.history.is_file():
        task.directory.mkdir(parents=True)
        append_row(task.trial_dir.history, row)
    if status is not None:
        write_record(task, status, None)


def test_the_gauges_follow_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gauges = {name: Gauge() for name in (*STATES, BEST)}
    monkeypatch.setattr(run_metrics, "_gauges", lambda: gauges)
    monkeypatch.setattr(run_metrics, "LOOK_S", 0.0)
    run, sent = RunDir(tmp_path / "c" / "first"), {"prepared": 1}
    metrics = RunMetrics(run, lambda: sent)
    metrics.beat()
    assert gauges[BEST].values == {}
    trial(run, 1, "finished", 0.5)
    trial(run, 2, "stopped", 0.25)
    trial(run, 3, None, 0.75)
    (run.trials / "t4").mkdir()  # prepared, not begun
    metrics.beat()
    assert gauges["trials"].values == {"finished": 1, "stopped": 1, "open": 1}
    assert gauges[BEST].values == {"": 0.5}
    assert gauges["submissions"].values == {"prepared": 1}
    trial(run, 3, "finished", 0.75)
    sent.clear()
    sent["scored"] = 1
    metrics.beat()
    assert gauges["trials"].values == {"finished": 2, "stopped": 1, "open": 0}
    assert gauges[BEST].values == {"": 0.75}
    assert gauges["submissions"].values == {"prepared": 0, "scored": 1}
