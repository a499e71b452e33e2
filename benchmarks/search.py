"""What early stopping costs and saves, and what a search loses between its trials:
`python -m benchmarks.search`, some 50 minutes on two cores; `--part grid` or `--part study`
for one of the two.

grid: on drawn competitions, one a seed, every trial of a grid is trained to its end on Ray, once.
ASHA and the promoting scheduler then decide on these recorded learning curves: the searcher and
scheduler of a real search, asked in the order in which the recorded epochs end on two places
(`replay.py`). Trainings repeat to the bit, so a trial that is stopped would have had the same rows.
Beside them random search at the budget of the promoting one: the mean over its draws of as many
whole trials. Exit code 1 when a scheduler's best is, on average over the seeds, more than .005
below the grid's, or it ran more than 35 % of the grid's epochs.

study: a real ASHA search of 24 trials on Ray, its epochs chosen by the plan's probe so that it
is expected to take 18 minutes. Utilisation is the time that trials were at work, from their first
step in a worker to their last row, over that of all places from the first trial's start to the last
one's end; what passes before that is the cold start. Exit code 1 below .9.
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from benchmarks.replay import Outcome, replayed
from raytrain.backend.workplace import Workplace
from raytrain.config.job import JobSpec
from raytrain.config.load import load_job
from raytrain.config.schedulers import AshaSpec, PromoteSpec
from raytrain.config.search import SearchSpec
from raytrain.data.phantom import PhantomSplit, write_phantom
from raytrain.engine.run import Run
from raytrain.pipeline.check import check
from raytrain.pipeline.search import search
from raytrain.runs.history import read_history
from raytrain.runs.layout import run_dir
from raytrain.search.plan import expected_share
from raytrain.search.timing import timed_costs
from raytrain.search.trials import Trials

LOSS, SHARE, USED = 0.005, 0.35, 0.9
"""Marks: score below the grid's best, share of its epochs, utilization."""
EPOCHS, DRAWS, PLACES = 32, 2000, 2
STUDY_S = 18 * 60
LEGS = 8
"""The study's rungs are at 1, 2 and 4 of so many parts of its epochs."""
SCHEDULERS = {"asha": AshaSpec(grace=3, factor=4), "promote": PromoteSpec(grace=3, factor=4)}
JOB: dict[str, Any] = {
    "competition": {"name": "bench", "classes": ["bg", "rv", "myo", "lv"], "group": "(N+1)//2"},
    "trial": {
        "model": {"name": "unet", "width": 6, "depth": 3},
        "framing": {"name": "resize", "height": 48, "width": 48},
        "epochs": EPOCHS, "batch_size": 4, "augmentation": "none",
    },
    "search": {
        "trials": 32, "sampler": {"name": "grid"}, "scheduler": {"name": "none"}, "keep": 1,
        "space": {
            "optimizer.lr": {"grid": [3e-4, 1e-3, 3e-3, 1e-2]},
            "loss": {"grid": [[{"name": "cross_entropy"}], [{"name": "dice"}],
                              [{"name": "cross_entropy"}, {"name": "dice"}], [{"name": "focal"}]]},
            "model.width": {"grid": [4, 8]},
        },
    },
    "resources": {"cpus": 1, "memory_gb": 1},
}  # fmt: skip


def drawn_job(folder: Path, seed: int, search: dict[str, object]) -> JobSpec:
    """A competition of its own, and the job on it."""
    write_phantom(folder / "data", folder / "truth", PhantomSplit(train=32, val=32, test=1), seed)
    tree = {**JOB, "storage": str(folder / "runs")}
    tree["competition"] = {**JOB["competition"], "data": str(folder / "data")}
    tree["trial"] = {**JOB["trial"], "seed": seed}
    tree["search"] = {**JOB["search"], "seed": seed, **search}
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(tree))
    return load_job(path)


def grid(folder: Path, seed: int) -> dict[str, Outcome]:
    """The grid, what each scheduler made of it, and random search at the promoting one's budget."""
    job = drawn_job(folder, seed, {})
    place = run_dir(job)
    with Workplace(job, "ray", place, dict) as workplace:
        run = Run(job, place, check(job, place), workplace.backend)
        search(run)
    tasks = Trials(run).tasks
    curves = {task.fingerprint: read_history(task.trial_dir.history) for task in tasks}
    bests = [max(row["val_score"] for row in rows) for rows in curves.values()]
    found = {"grid": Outcome(EPOCHS * len(tasks), max(bests))}
    for name, scheduler in SCHEDULERS.items():
        spec = job.search.model_copy(update={"scheduler": scheduler})
        found[name] = replayed(tasks, curves, spec, PLACES, folder / name)
    whole = max(1, round(found["promote"].epochs / EPOCHS))
    rng = random.Random(seed)
    draws = [max(rng.sample(bests, whole)) for _ in range(DRAWS)]
    found["random"] = Outcome(whole * EPOCHS, statistics.mean(draws))
    return found


def grids(seeds: int, folder: Path) -> bool:
    """Print the means over the seeds; whether both marks hold."""
    found = []
    for seed in range(seeds):
        part = folder / f"grid{seed}"
        part.mkdir()
        found.append(grid(part, seed))
        shown = ", ".join(f"{k} {v.best:.4f} in {v.epochs}" for k, v in found[-1].items())
        print(f"seed {seed}: best val score and epochs: {shown}", flush=True)
    holds = True
    trials = JOB["search"]["trials"]
    print(f"means over {seeds} seeds, {trials} trials of {EPOCHS} epochs, {PLACES} places:")
    for name in ("asha", "promote", "random"):
        below = statistics.mean(each["grid"].best - each[name].best for each in found)
        share = statistics.mean(each[name].epochs / each["grid"].epochs for each in found)
        print(f"  {name:<8} {below:+.4f} below the grid's best, {share:.0%} of its epochs")
        if name in SCHEDULERS:
            holds = holds and below <= LOSS and share <= SHARE
    print(f"marks: {LOSS} and {SHARE:.0%}: {'held' if holds else 'missed'}")
    return holds


def study(folder: Path, seconds: float) -> bool:
    """Run it for about so long; whether the mark holds."""
    folder.mkdir()
    space = {"optimizer.lr": {"loguniform": [1e-4, 1e-2]}}
    wanted = {"trials": 24, "sampler": {"name": "random"}, "scheduler": {"name": "asha"}}
    job = drawn_job(folder, 0, {**wanted, "space": space})
    place = run_dir(job)
    with Workplace(job, "ray", place, dict) as workplace:
        run = Run(job, place, check(job, place), workplace.backend)
        places = min(run.backend.places().values())
        first = Trials(run).ahead()
        assert first is not None
        [cost] = timed_costs([first], run).values()
        epochs = _epochs(job.search.trials, cost.epoch_s, places, seconds)
        scheduler = AshaSpec(grace=epochs // LEGS, factor=2)
        longer = {
            "trial": job.trial.model_copy(update={"epochs": epochs}),
            "search": job.search.model_copy(update={"scheduler": scheduler}),
        }
        start = time.time()
        board = search(replace(run, job=job.model_copy(update=longer)))
    records = [record for each in board for record in each.records]
    begins = [(place.trial(r.fingerprint).path / ".rank0.lock").stat().st_mtime for r in records]
    ends = [place.trial(r.fingerprint).history.stat().st_mtime for r in records]
    span = max(ends) - min(begins)
    busy = sum(end - begin for begin, end in zip(begins, ends, strict=True))
    used = busy / span / places
    epochs_run = sum(record.epochs for record in records)
    print(
        f"study: {len(records)} trials of at most {epochs} epochs, {epochs_run} epochs run, "
        f"{places} places, {span / 60:.1f} min after a cold start of {min(begins) - start:.1f} s\n"
        f"  utilization {used:.3f} (mark {USED}); between trials "
        f"{(places * span - busy) / len(records):.2f} s of a place each"
    )
    return used >= USED


def _epochs(trials: int, epoch_s: float, places: int, seconds: float) -> int:
    """Of a trial, so that the search is expected to take so long: `LEGS` times its grace."""
    legs = expected_share(SearchSpec(scheduler=AshaSpec(grace=1, factor=2)), LEGS) * LEGS
    return LEGS * max(1, round(seconds * places / (trials * legs * epoch_s)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--part", choices=("grid", "study"), help="one of the two; both if not")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=STUDY_S / 60, help="of the study")
    asked = parser.parse_args()
    holds = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RAYTRAIN_CACHE"] = str(Path(folder) / "cache")
        if asked.part != "study":
            holds.append(grids(asked.seeds, Path(folder)))
        if asked.part != "grid":
            holds.append(study(Path(folder) / "study", 60 * asked.minutes))
    sys.exit(not all(holds))


if __name__ == "__main__":
    main()
