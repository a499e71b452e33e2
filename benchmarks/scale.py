"""What a search of many trials costs its driver: `python -m benchmarks.scale`, a few minutes.

A real ASHA search with real Ray Tune on places that this machine does not have. The process of each
place sleeps for the time of an epoch instead of training, and writes the row. What is left is what
raytrain, Tune and Ray do themselves. `docs/scale.md` explains the model and its figures.
"""

import argparse
import json
import math
import os
import resource
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.search import drawn_job
from raytrain.backend.workplace import Workplace
from raytrain.cluster.backend import RayBackend
from raytrain.cluster.resources import Need
from raytrain.cluster.run_search import run_search
from raytrain.config.job import JobSpec
from raytrain.engine.reporter import Reporter
from raytrain.engine.run import Backend, Run, Search
from raytrain.pipeline.check import check
from raytrain.pipeline.search import search
from raytrain.runs.files import append_line
from raytrain.runs.history import append_row, read_history
from raytrain.runs.layout import RunDir, run_dir
from raytrain.runs.record import Task

EPOCH_S = "RAYTRAIN_PRETENDED_EPOCH_S"
GIB = 1024**3
TOLERANCE = 0.2
"""Largest allowed difference between measured and predicted, as a share of the prediction."""


def pretend(task: Task, reporter: Reporter, gpus: float) -> None:
    """Sleep instead of training; the scores follow a curve whose end the fingerprint draws."""
    del gpus
    folder, epoch_s = task.trial_dir, float(os.environ[EPOCH_S])
    best = int(task.fingerprint, 16) % 1000 / 1000
    append_line(folder.path / "begun", f"{os.getpid()} {time.time()}")
    for epoch in range(len(read_history(folder.history)) + 1, task.spec.epochs + 1):
        time.sleep(epoch_s)
        score = best * (1 - math.exp(-epoch / 2))
        row = {
            "epoch": epoch, "train_loss": 1 - score, "val_loss": 1 - score, "val_score": score,
            "val_dice": score, "val_dice_per_class": [score] * 3, "lr": 1e-3, "ranks": 1,
            "seconds": epoch_s, "epoch_seconds": epoch_s, "seconds_left": 0.0, "images": 1,
            "time": time.time(), "device": "none", "host_gb": 0.0, "samples_per_s": 1.0,
            "wait_share": 0.0,
        }  # fmt: skip
        append_row(folder.history, row)
        reporter.report(row)
    folder.shipped.parent.mkdir(parents=True, exist_ok=True)
    folder.shipped.write_text("{}")


class Pretending(RayBackend):
    """The backend on Ray whose searches train nothing."""

    def search(self, search: Search) -> None:
        run_search(search, self.need, pretend)


@dataclass(frozen=True)
class Outcome:
    """The figures of one simulated search."""

    trials: int
    epochs: int
    span_s: float
    """From the start of the first trial to the end of the last one."""
    epoch_s: float
    """Mean time from one row of a trial to its next."""
    between_s: float
    """Mean time of a place from the last row of a trial to the start of the place's next trial."""
    driver_s: float
    """Processor time of the driver."""
    peak_gb: float
    """Peak memory of the driver, over this search and the earlier ones of this process."""
    trial_bytes: int
    trial_files: int


def simulated(folder: Path, trials: int, places: int, epochs: int, epoch_s: float) -> Outcome:
    """Return the figures of a search in a new Ray instance that is given `places` CPUs to offer."""
    os.environ[EPOCH_S] = str(epoch_s)
    os.environ["RAY_OVERRIDE_RESOURCES"] = json.dumps({"CPU": places, "memory": places * GIB})
    job = _job(folder, trials, epochs)
    place = run_dir(job)
    with Workplace(job, "ray", place, dict) as workplace:

        def backend() -> Backend:
            workplace.backend()
            return Pretending(Need(**job.resources.model_dump()), place)

        run = Run(job, place, check(job, place), backend)
        run.backend.places()
        before = time.process_time()
        search(run)
        driver_s = time.process_time() - before
    return _outcome(place, driver_s)


def _job(folder: Path, trials: int, epochs: int) -> JobSpec:
    asked: dict[str, Any] = {
        "trials": trials,
        "sampler": {"name": "random"},
        "scheduler": {"name": "asha", "grace": 2, "factor": 2},
        "space": {"optimizer.lr": {"loguniform": [1e-5, 1e-1]}},
    }
    job = drawn_job(folder, 0, asked)
    return job.model_copy(update={"trial": job.trial.model_copy(update={"epochs": epochs})})


def _outcome(run: RunDir, driver_s: float) -> Outcome:
    histories = {path: read_history(path / "history.jsonl") for path in run.trials.iterdir()}
    times = {path: [row["time"] for row in rows] for path, rows in histories.items() if rows}
    turns: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for path, rows in times.items():
        pid, begin = (path / "begun").read_text().split()[:2]
        turns[pid].append((float(begin), rows[-1]))
    gaps = [
        after[0] - before[1]
        for place in turns.values()
        for before, after in pairwise(sorted(place))
    ]
    epochs = [after - before for rows in times.values() for before, after in pairwise(rows)]
    files = [each for path in times for each in path.rglob("*") if each.is_file()]
    bounds = [turn for place in turns.values() for turn in place]
    return Outcome(
        trials=len(times),
        epochs=sum(map(len, times.values())),
        span_s=max(end for _, end in bounds) - min(begin for begin, _ in bounds),
        epoch_s=fmean(epochs),
        between_s=fmean(gaps),
        driver_s=driver_s,
        peak_gb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
        trial_bytes=sum(each.stat().st_size for each in files) // len(times),
        trial_files=len(files) // len(times),
    )


def shown(found: Outcome, places: int) -> str:
    return (
        f"{found.trials} trials and {found.epochs} epochs on {places} places in {found.span_s:.0f} "
        f"s: {found.between_s:.2f} s of a place between trials, {found.epoch_s:.3f} s an epoch; "
        f"driver {found.driver_s:.1f} s of CPU, peak {found.peak_gb:.2f} GB; "
        f"{found.trial_files} files and {found.trial_bytes} bytes a trial"
    )


def predicted(small: Outcome, large: Outcome, trials: int, places: int) -> tuple[float, float]:
    """Return the predicted seconds of a search of `trials` trials, and of its driver's CPU time.

    `small` and `large` are outcomes of two short searches with the same number of places. Their
    difference gives the driver's time per trial; the rest is paid once.
    """
    more = large.trials - small.trials
    per_trial_s = (large.driver_s - small.driver_s) / more
    driver_s = large.driver_s + (trials - large.trials) * per_trial_s
    length_s = large.epochs / large.trials * large.epoch_s + large.between_s
    return max(trials * length_s / places, driver_s), driver_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--places", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--epoch-s", type=float, default=2.0)
    asked = parser.parse_args()
    runs = [(40, 4), (120, 4), (asked.trials, asked.places)]
    found = []
    for trials, places in runs:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["RAYTRAIN_CACHE"] = str(Path(folder) / "cache")
            found.append(simulated(Path(folder), trials, places, asked.epochs, asked.epoch_s))
        print(shown(found[-1], places), flush=True)
    small, large, whole = found
    span_s, driver_s = predicted(small, large, whole.trials, asked.places)
    ratios = [whole.span_s / span_s, whole.driver_s / driver_s]
    print(
        f"predicted from the first two: {span_s:.0f} s, driver {driver_s:.1f} s of CPU; "
        f"measured / predicted {ratios[0]:.2f} and {ratios[1]:.2f} (allowed 1 +- {TOLERANCE})\n"
        f"utilization {whole.epochs * asked.epoch_s / whole.span_s / asked.places:.3f}"
    )
    sys.exit(any(abs(ratio - 1) > TOLERANCE for ratio in ratios))


if __name__ == "__main__":
    main()
