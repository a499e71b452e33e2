"""Timed probe: the cost of an epoch and of a checkpoint of a trial, measured where trials run."""

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from raytrain.config.trial import OF_SPEED, TrialSpec
from raytrain.engine.run import Run
from raytrain.engine.trial import open_samples, run_trial
from raytrain.runs.files import read_json, write_json
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.history import Row
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Task

BATCHES = 2
"""Number of training batches per epoch of the probe."""


@dataclass(frozen=True)
class Cost:
    """What an epoch and a checkpoint of a trial cost."""

    epoch_s: float
    """Seconds of an epoch, including its validation and its checkpoint."""
    checkpoint_bytes: int


class _Clock:
    """Records the start time and the end of each epoch."""

    def __init__(self) -> None:
        self.times = [time.perf_counter()]

    def report(self, row: Row) -> None:
        del row
        self.times.append(time.perf_counter())


def timed_costs(tasks: Sequence[Task], run: Run) -> dict[str, Cost]:
    """Return fingerprint -> cost for the tasks that can be timed; earlier timings are reused."""
    targets = {task.fingerprint: _target(task) for task in tasks}
    missing = {targets[t.fingerprint]: t for t in tasks if not targets[t.fingerprint].is_file()}
    if missing:
        # If a worker dies here, the error is reported when it is the trial's turn.
        backend = run.backend  # a cluster that cannot do the job is refused here
        with suppress(ValueError):
            backend.map_shards("probe", _probe, [*missing.values()])
    found = {
        name: read_json(path, "delete it; the next search measures it again")
        for name, path in targets.items()
        if path.is_file()
    }
    return {name: Cost(**tree) for name, tree in found.items() if "epoch_s" in tree}


def _target(task: Task) -> Path:
    """Return the file of the task's cost. Its name is a fingerprint of what determines the
    speed."""
    asked = task.spec.model_dump(mode="json", include=TrialSpec.marked(OF_SPEED))
    asked["optimizer"] = task.spec.optimizer.name  # its rates cost nothing
    name = fingerprint(asked, task.data, task.cpus, task.loaders)
    return RunDir(task.run).search / "probe" / f"{name}.json"


def _probe(task: Task) -> list[Path]:
    """Train two short epochs and time the second, because the first one warms up. A task with a
    single epoch is timed including its start. Returns the file with the time."""
    target, size = _target(task), task.spec.batch_size
    train_ids, val_ids = task.train_ids[: BATCHES * size], task.val_ids[: BATCHES * size]
    short = replace(
        task,
        spec=task.spec.model_copy(update={"epochs": min(2, task.spec.epochs)}),
        train_ids=train_ids,
        val_ids=val_ids,
        directory=target.with_name(f".{target.stem}"),  # it stays on this machine
    )
    clock = _Clock()
    try:
        run_trial(short, open_samples(RunDir(task.run)), clock)
    except (ValueError, RuntimeError) as error:
        # If a trial fails here, the error is reported when it is the trial's turn.
        write_json(target, {"reason": str(error)})
    else:
        images = len(task.train_ids) + len(task.val_ids)
        share = images / (len(train_ids) + len(val_ids))
        sizes = [path.stat().st_size for path in short.trial_dir.checkpoints.glob("*.pt")]
        cost = {
            "epoch_s": (clock.times[-1] - clock.times[-2]) * share,
            "checkpoint_bytes": max(sizes),
        }
        write_json(target, cost)
    finally:
        shutil.rmtree(short.directory, ignore_errors=True)
    return [target]
