"""Export each trial's latest figures as Ray metrics, for Prometheus and the dashboard's graphs.

A gauge that is not set again disappears from the endpoint after about 25 s, and an epoch may take
longer. So a heartbeat thread repeats the last values while the trial runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from ray.util.metrics import Gauge

from raytrain.engine.reporter import Reporter
from raytrain.runs.history import Row
from raytrain.runs.record import Task
from raytrain.runs.repeated import repeated

HEARTBEAT_S = 5.0
TAGS = ("competition", "run", "trial", "rank")
FIGURES = {
    "val_score": "Validation score of the trial's last epoch, by the competition's metric",
    "val_dice": "Validation Dice of the trial's last epoch",
    "train_loss": "Training loss of the trial's last epoch",
    "samples_per_s": "Training images a second in the trial's last epoch",
    "epoch": "The trial's last epoch",
}


@cache
def _gauges() -> dict[str, Gauge]:
    """Return the gauges, registered once per process: a reused worker runs many trials."""
    return {
        name: Gauge(f"raytrain_{name}", description=text, tag_keys=TAGS)
        for name, text in FIGURES.items()
    }


class MetricsReporter:
    """Forwards each row, and exports it as gauges until the next one."""

    def __init__(self, inner: Reporter, tags: dict[str, str]):
        self._inner, self._tags = inner, tags
        self._row: Row = {}

    def report(self, row: Row) -> None:
        self._row = row
        self.beat()
        self._inner.report(row)

    def beat(self) -> None:
        """Set every gauge to the figures of the last row."""
        for name, gauge in _gauges().items():
            if name in self._row:
                gauge.set(self._row[name], tags=self._tags)


@contextmanager
def exported(task: Task, rank: int, inner: Reporter) -> Iterator[MetricsReporter]:
    """Yield a reporter for `task` that keeps its gauges alive for the block."""
    run = task.directory.parent.parent
    tags = {
        "competition": run.parent.name,
        "run": run.name,
        "trial": task.name,
        "rank": str(rank),
    }
    reporter = MetricsReporter(inner, tags)
    with repeated(reporter.beat, HEARTBEAT_S, f"metrics {task.name}"):
        yield reporter
