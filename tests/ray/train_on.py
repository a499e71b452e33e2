"""Train a job's trial on several workers, validated: `train_on.py JOB WORKERS` (`2` or `1-2`)."""

import sys
from pathlib import Path

from raytrain.config.job import JobSpec
from raytrain.config.load import load_job
from raytrain.data.report import DataReport
from raytrain.pipeline.backend import Workplace
from raytrain.pipeline.check import check
from raytrain.pipeline.tasks import held_out, make_task, run_to_end
from raytrain.pipeline.trainable import make_trainable
from raytrain.runs.layout import RunDir, run_dir
from raytrain.runs.record import Task


def task_of(path: Path, workers: str) -> tuple[JobSpec, RunDir, DataReport, Task]:
    """As `finalize` has it, but with the images of the validation split held out."""
    job = load_job(path)
    run = run_dir(job)
    report = check(job, run)
    fold = held_out(job, run, report)
    numbers = tuple(int(number) for number in workers.split("-"))
    asked = numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])
    task = make_task(job, run, report, "final", job.trial, fold, asked)
    return job, run, report, task


def main(path: str, workers: str) -> None:
    """Through the same backend as every station."""
    job, run, report, task = task_of(Path(path), workers)
    make_trainable([task], report, run)
    with Workplace(job, "ray") as workplace:
        run_to_end([task], workplace, "training")


if __name__ == "__main__":
    main(*sys.argv[1:])
