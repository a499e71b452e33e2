"""Train a job's trial on several workers, validated: `train_on.py JOB WORKERS` (`2` or `1-2`)."""

import sys
from collections.abc import Callable
from pathlib import Path

from raytrain.backend.local import LocalBackend
from raytrain.backend.workplace import Workplace
from raytrain.config.load import load_job
from raytrain.engine.run import Backend, Run
from raytrain.engine.tasks import held_out, make_task
from raytrain.engine.trainable import make_trainable
from raytrain.pipeline.check import check
from raytrain.pipeline.train import run_to_end
from raytrain.runs.layout import run_dir
from raytrain.runs.messages import print_messages
from raytrain.runs.record import Task


def task_of(
    path: Path, workers: str, open: Callable[[], Backend] = LocalBackend
) -> tuple[Run, Task]:
    """As `finalize` has it, but with the images of the validation split held out."""
    job = load_job(path)
    folder = run_dir(job)
    run = Run(job, folder, check(job, folder), open)
    numbers = tuple(int(number) for number in workers.split("-"))
    asked = numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])
    return run, make_task(run, "final", job.trial, held_out(run), asked)


def main(path: str, workers: str) -> None:
    """Through the same backend as every station."""
    print_messages()
    job = load_job(Path(path))
    with Workplace(job, "ray", run_dir(job), dict) as workplace:
        run, task = task_of(Path(path), workers, workplace.backend)
        make_trainable([task], run)
        run_to_end([task], run, "training")


if __name__ == "__main__":
    main(*sys.argv[1:])
