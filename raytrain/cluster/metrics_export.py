"""Export each trial's latest figures as Ray metrics, for Prometheus and the dashboard's graphs.

A gauge that is not set again disappears from the endpoint after about 25 s, and an epoch may take
longer. So a heartbeat thread repeats the last values while the trial runs.
"""

from collections.abc import Iterator, Sequence
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
    "epoch": "The trial's last epoch",
    "train_loss": "Training loss of the trial's last epoch",
    "val_loss": "Validation loss of the trial's last epoch",
    "val_score": "Validation score of the trial's last epoch, by the competition's metric",
    "val_dice": "Validation Dice of the trial's last epoch",
    "samples_per_s": "Training images a second in the trial's last epoch",
    "wait_share": "Share of the training time in which steps waited for their batch (0 .. 1)",
    "device_gb": "Peak GPU memory of the trial so far, in GB; missing without a GPU",
    "host_gb": "Peak memory of the trial's process so far, in GB",
}
PER_CLASS = "val_dice_class"


@cache
def _gauges() -> dict[str, Gauge]:
    """Return the gauges, registered once per process: a reused worker runs many trials."""
    made = {
        name: Gauge(f"raytrain_{name}", description=text, tag_keys=TAGS)
        for name, text in FIGURES.items()
    }
    text = "Validation Dice of a class in the trial's last epoch"
    return made | {PER_CLASS: Gauge(f"raytrain_{PER_CLASS}", text, (*TAGS, "class"))}


class MetricsReporter:
    """Forwards each row of the history, and exports its figures as gauges until the next row."""

    def __init__(self, inner: Reporter, tags: dict[str, str]):
        self._inner, self._tags = inner, tags
        self.foreground: Sequence[str] = ()
        """Names of the foreground's classes, once the data is open."""
        self._row: Row = {}

    def report(self, row: Row) -> None:
        self._row = row
        self.beat()
        self._inner.report(row)

    def beat(self) -> None:
        """Set every gauge to the figures of the last row."""
        gauges = _gauges()
        for name in FIGURES:
            if name in self._row:
                gauges[name].set(self._row[name], tags=self._tags)
        dices = self._row.get("val_dice_per_class", ())
        for name, dice in zip(self.foreground, dices, strict=False):
            if dice is not None:
                gauges[PER_CLASS].set(dice, tags={**self._tags, "class": name})


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
