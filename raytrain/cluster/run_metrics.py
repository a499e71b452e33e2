"""Export a run's trials by state, its best score and its submissions as Ray metrics, while its
driver is connected."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from ray.util.metrics import Gauge

from raytrain.cluster.metrics_export import HEARTBEAT_S
from raytrain.runs.layout import RunDir, TrialDir
from raytrain.runs.record import Record, read_record
from raytrain.runs.repeated import repeated

LOOK_S = 10.0
"""Seconds between two looks at the run's files; between them, the last figures are repeated."""
OPEN = "open"
"""State of a trial that has begun and has no record."""
TAGS = ("competition", "run")
STATES = {
    "trials": "Trials of the run by state: open, or as their records say",
    "submissions": "Submissions of the competition by state, as the ledger has them",
}
BEST = "best_score"


@cache
def _gauges() -> dict[str, Gauge]:
    made = {
        name: Gauge(f"raytrain_{name}", description=text, tag_keys=(*TAGS, "state"))
        for name, text in STATES.items()
    }
    text = "Best validation score of the run's ended trials, by the competition's metric"
    return made | {BEST: Gauge(f"raytrain_{BEST}", description=text, tag_keys=TAGS)}


class RunMetrics:
    """Reads a run's files now and then, and sets the gauges."""

    def __init__(self, run: RunDir, submissions: Callable[[], Mapping[str, int]]):
        """`submissions` returns the number of submissions in each state."""
        self._run, self._submissions = run, submissions
        self._tags = {"competition": run.path.parent.name, "run": run.path.name}
        self._records: dict[Path, tuple[int, Record | None]] = {}
        self._looked_s: float | None = None
        self._counts: dict[str, Counter[str]] = {}
        self._best: float | None = None

    def beat(self) -> None:
        """Set every gauge; a state that no trial has any longer becomes 0."""
        if self._looked_s is None or time.monotonic() - self._looked_s >= LOOK_S:
            self._look()
            self._looked_s = time.monotonic()
        gauges = _gauges()
        for name, counts in self._counts.items():
            for state, count in counts.items():
                gauges[name].set(count, tags={**self._tags, "state": state})
        if self._best is not None:
            gauges[BEST].set(self._best, tags=self._tags)

    def _look(self) -> None:
        trials = [TrialDir(path.parent) for path in self._run.trials.glob("*/history.jsonl")]
        found = [self._record(trial) for trial in trials]
        scores = [r.best["val_score"] for r in found if r and r.best]
        self._best = max(scores, default=None)
        now = {
            "trials": Counter(record.status if record else OPEN for record in found),
            "submissions": Counter(self._submissions()),
        }
        for name, counts in now.items():
            before = dict.fromkeys(self._counts.get(name, ()), 0)
            self._counts[name] = Counter({**before, **counts})

    def _record(self, trial: TrialDir) -> Record | None:
        """Return the trial's record, read again only when its file has changed; None before it is
        written."""
        try:
            changed = trial.record.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        if self._records.get(trial.record, (0, None))[0] != changed:
            self._records[trial.record] = (changed, read_record(trial))
        return self._records[trial.record][1]


@contextmanager
def run_exported(run: RunDir, submissions: Callable[[], Mapping[str, int]]) -> Iterator[None]:
    """Keep the gauges of a run alive for the block."""
    metrics = RunMetrics(run, submissions)

    def beat() -> None:
        with suppress(OSError, ValueError):  # the storage may be away for a while
            metrics.beat()

    with repeated(beat, HEARTBEAT_S, "run metrics"):
        yield
