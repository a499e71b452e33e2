"""What runs in a Ray worker process that trains; decoded data stays open between its trials."""

from functools import lru_cache
from pathlib import Path

from raytrain.cluster.metrics_export import exported
from raytrain.engine.parallel import current_world
from raytrain.engine.reporter import Reporter
from raytrain.engine.trial import Samples, open_samples, run_trial
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Task
from raytrain.runs.retry import as_tried


def work(task: Task, reporter: Reporter) -> None:
    """Run one trial here, its figures exported as Ray metrics."""
    with exported(task, current_world().rank, reporter) as watched:
        run_trial(as_tried(task), _samples(task.directory.parent.parent), watched)


@lru_cache(maxsize=1)
def _samples(run: Path) -> Samples:
    return open_samples(RunDir(run))
