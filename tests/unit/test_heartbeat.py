"""A trial's figures are set again while an epoch takes its time: Ray forgets a gauge after 25 s."""

import threading
from collections import Counter
from pathlib import Path
from queue import Queue

import pytest

from raytrain.cluster import metrics_export
from raytrain.cluster.metrics_export import FIGURES, PER_CLASS, exported
from raytrain.engine.reporter import SilentReporter
from tests.tiny import task_in

ROW = {"epoch": 3, "val_score": 0.5, "val_dice": 0.25, "train_loss": 1.5, "val_loss": 2.5,
       "samples_per_s": 8.0, "wait_share": 0.125, "device_gb": 2.0, "host_gb": 1.0,
       "val_dice_per_class": [0.5, None, 0.75]}  # fmt: skip


class Gauge:
    """Ray's, as far as a reporter uses it."""

    def __init__(self, name: str, values: Queue):
        self.name, self.values = name, values

    def set(self, value: float, tags: dict[str, str]) -> None:
        self.values.put((self.name, value, tags["trial"], tags.get("class")))


def test_the_last_figures_are_repeated_until_the_trial_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values: Queue = Queue()
    gauges = {name: Gauge(name, values) for name in (*FIGURES, PER_CLASS)}
    monkeypatch.setattr(metrics_export, "_gauges", lambda: gauges)
    monkeypatch.setattr(metrics_export, "HEARTBEAT_S", 0.01)
    expected = {(name, ROW[name], "t", None) for name in FIGURES}
    expected |= {(PER_CLASS, 0.5, "t", "rv"), (PER_CLASS, 0.75, "t", "lv")}
    with exported(
        task_in(tmp_path / "c" / "run" / "trials" / "t"), 0, SilentReporter()
    ) as reporter:
        reporter.foreground = ("rv", "myo", "lv")
        reporter.report(ROW)
        counts: Counter = Counter()
        while min(counts[each] for each in expected) < 3:  # the report, and two heartbeats
            counts[values.get(timeout=60)] += 1
        assert counts.keys() == expected
    assert "metrics t" not in {thread.name for thread in threading.enumerate()}
