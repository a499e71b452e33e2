"""Train a job's trial on several workers, validated: `train_on.py JOB WORKERS` (`2` or `1-2`)."""

import sys
from pathlib import Path

from raytrain.config.load import load_job
from raytrain.pipeline.backend import Workplace
from raytrain.pipeline.check import check
from raytrain.pipeline.tasks import held_out, make_task, prepare, run_to_end
from raytrain.runs.layout import run_dir


def main(path: str, workers: str) -> None:
    """As `finalize` does, but with the images of the validation split held out."""
    job = load_job(Path(path))
    run = run_dir(job)
    report = check(job, run)
    fold, train_ids, val_ids = held_out(job, run, report)
    numbers = tuple(int(number) for number in workers.split("-"))
    asked = numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])
    task = make_task(job, run, report, "final", job.trial, fold, train_ids, val_ids, asked)
    prepare([task], report, run)
    with Workplace(job, "ray") as workplace:
        run_to_end([task], workplace, "training")


if __name__ == "__main__":
    main(*sys.argv[1:])
