"""What Ray Train costs around the engine's loop: `python -m benchmarks.scaling` (some 7 minutes).

The same training in N processes, started by Ray Train and by torchrun, in alternating pairs, each
from nothing: no Ray runs while torchrun does. Of each run the first epoch is dropped; the rest,
validation, checkpoints and reporting included, is the steady state. The median of the pairs' ratios
is printed; exit code 1 when Ray Train / torchrun is under 0.92.

Beside it: the CPU seconds that Ray's own processes took in the steady state, on the same cores as
the workers, and the start-up in its parts as rank 0 sees them: of the command and of the worker
together. When a worker of Ray's runs its first line nobody can say, so that its interpreter counts
to its imports; `placement` ends when the worker's process exists.
"""

import argparse
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from benchmarks.processes import cpu_seconds
from benchmarks.scaled_loop import STAMPS, TASK
from raytrain.config.competition import CompetitionSpec
from raytrain.config.metrics import DiceMetricSpec
from raytrain.config.models import UNetSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.checks import inspect
from raytrain.data.phantom import PhantomSplit, write_phantom
from raytrain.data.report import write_report
from raytrain.engine.trial import open_samples
from raytrain.runs.history import Row, read_history
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Task

MARK = 0.92
PARTS = (
    "interpreter", "imports", "Ray itself", "placement", "process group", "data", "first step",
)  # fmt: skip
Way = Literal["ray", "torchrun"]


@dataclass(frozen=True)
class Run:
    """One training, from its start to its end."""

    rows: list[Row]
    """Without the first epoch."""
    start_up: Counter[str]
    """Seconds a part."""
    cpu: Counter[str]
    """CPU seconds in the steady state, by kind of process."""

    @property
    def rate(self) -> float:
        """Images a second, of all workers, whole epochs counted."""
        return self._rate("epoch_seconds")

    @property
    def training_rate(self) -> float:
        """The same within the training steps alone."""
        return self._rate("seconds")

    def _rate(self, key: str) -> float:
        return sum(row["images"] for row in self.rows) / sum(row[key] for row in self.rows)


def make_task(folder: Path, patients: int, epochs: int, workers: int) -> Task:
    """A drawn competition, decoded, and a training on it."""
    write_phantom(folder / "data", folder / "truth", PhantomSplit(train=patients, val=5, test=1), 0)
    run = RunDir(folder / "bench" / "run")
    competition = CompetitionSpec(
        name="bench", data=str(folder / "data"), classes=("bg", "rv", "myo", "lv")
    )
    write_report(run.data_report, inspect(competition))
    report = open_samples(run).report
    spec = TrialSpec(model=UNetSpec(width=16), epochs=epochs, batch_size=16, augmentation="slices")
    return Task(
        name="scaling", station="train", spec=spec, data=report.fingerprint, fold="split",
        train_ids=report.ids("train"), val_ids=report.ids("val"), workers=workers, cpus=1,
        loaders=0, metric=DiceMetricSpec(), directory=run.trials / "template",
    )  # fmt: skip


def run_once(way: Way, task: Task, folder: Path) -> Run:
    """Start it, look at its CPU time after the first and the last epoch, and wait for its end."""
    folder.mkdir()
    task = replace(task, directory=task.directory.with_name(folder.name))
    (folder / TASK).write_bytes(pickle.dumps(task))
    code = f"from benchmarks.scaled_loop import start_{way}; start_{way}()"
    begun = time.time()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(folder), str(task.workers)],
            env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    marks: list[Counter[str]] = []
    for epochs in (1, task.spec.epochs):
        while len(read_history(task.trial_dir.history)) < epochs:
            if process.poll() is not None:
                raise SystemExit(f"{way} ended early:\n{(folder / 'log').read_text()[-3000:]}")
            time.sleep(0.1)
        marks.append(cpu_seconds(process.pid))
    if process.wait(timeout=120):
        raise SystemExit(f"{way} failed:\n{(folder / 'log').read_text()[-3000:]}")
    cpu = Counter({kind: marks[1][kind] - marks[0][kind] for kind in marks[1]})
    return Run(read_history(task.trial_dir.history)[1:], start_up(folder, begun), cpu)


def start_up(folder: Path, begun: float) -> Counter[str]:
    """Seconds of each part: from one stamp to the next."""
    found: Counter[str] = Counter()
    stamps = sorted(json.loads(line) for line in (folder / STAMPS).read_text().splitlines())
    for at, part in stamps:
        found[part] += at - begun
        begun = at
    return found


def print_start_up(runs: dict[Way, list[Run]]) -> None:
    print(f"{'start-up, medians in s':<24}{'Ray Train':>10}{'torchrun':>10}")
    for part in PARTS:
        times = [statistics.median(run.start_up[part] for run in some) for some in runs.values()]
        print(f"  {part:<22}{times[0]:>10.2f}{times[1]:>10.2f}")
    whole = [statistics.median(run.start_up.total() for run in some) for some in runs.values()]
    print(f"  {'to the first step':<22}{whole[0]:>10.2f}{whole[1]:>10.2f}")


def print_cpu(runs: list[Run]) -> None:
    """Of Ray's own processes, an epoch; the workers' for comparison."""
    epochs = sum(len(run.rows) for run in runs)
    spent = sum((run.cpu for run in runs), Counter())
    workers = spent.pop("workers", 0)
    parts = ", ".join(f"{kind} {value / epochs:.2f}" for kind, value in spent.most_common())
    total = sum(spent.values()) / epochs
    print(
        f"CPU seconds an epoch of Ray's own processes: {total:.2f} ({parts}); "
        f"of its workers: {workers / epochs:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=6, help="of each run, the first is dropped")
    parser.add_argument("--patients", type=int, default=80, help="of two images each")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    runs: dict[Way, list[Run]] = {"ray": [], "torchrun": []}
    with tempfile.TemporaryDirectory(prefix="scaling-") as name:
        os.environ["RAYTRAIN_CACHE"] = f"{name}/cache"
        task = make_task(Path(name), given.patients, given.epochs, given.workers)
        for pair in range(given.pairs):
            for way in list(runs)[:: 1 if pair % 2 else -1]:
                runs[way].append(run_once(way, task, Path(name) / f"{way}{pair}"))
    pairs = list(zip(runs["ray"], runs["torchrun"], strict=True))
    ratio = statistics.median(ray.rate / plain.rate for ray, plain in pairs)
    training = statistics.median(ray.training_rate / plain.training_rate for ray, plain in pairs)
    seconds = statistics.median(run.rows[0]["epoch_seconds"] for run in runs["torchrun"])
    images = runs["ray"][0].rows[0]["images"]
    print(
        f"U-Net width 16, {images} images 96x96, batch 16 over {given.workers} workers of 1 CPU, "
        f"{seconds:.1f} s an epoch, medians of {given.pairs} pairs"
    )
    print(f"Ray Train / torchrun: {ratio:.3f} of its images/s (mark {MARK}), "
          f"{training:.3f} within the steps")  # fmt: skip
    print_cpu(runs["ray"])
    print_start_up(runs)
    sys.exit(ratio < MARK)


if __name__ == "__main__":
    main()
