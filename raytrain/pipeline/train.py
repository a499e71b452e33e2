"""`train`: train the default trial on the given split or the first fold. The other stations train
their tasks to the end here, too."""

from raytrain.backend.progress import Progress, views
from raytrain.engine.run import Run
from raytrain.engine.shipped import shipped_fault
from raytrain.engine.tasks import held_out, make_task, say_once
from raytrain.engine.trainable import make_trainable
from raytrain.runs.record import (
    Record,
    Status,
    Task,
    is_complete,
    not_done,
    read_record,
    write_record,
)


def train(run: Run) -> Record:
    """Train `job.trial`, validate on the val split or the first fold, and return its record."""
    task = make_task(run, "train", run.job.trial, held_out(run), workers=1)
    make_trainable([task], run)
    run_to_end([task], run, "train")
    record = read_record(task.trial_dir)
    assert record is not None
    return record


def forget_damaged(tasks: list[Task]) -> None:
    """Mark finished trainings with damaged weights as not done, and print why."""
    for task in tasks:
        fault = shipped_fault(task.trial_dir) if is_complete(task) else None
        if fault is not None:
            say_once(f"{task.name} is trained again: {fault}")
            task.trial_dir.record.unlink()
            task.trial_dir.shipped.unlink(missing_ok=True)


def run_to_end(tasks: list[Task], run: Run, title: str) -> None:
    """Train the tasks that are not done yet. Raises ValueError that names each failed one."""
    todo = not_done(tasks)
    if not todo:
        return
    failed: list[Record] = []
    with Progress(title, todo, rungs=[], views=views(run)) as progress:

        def on_end(task: Task, status: Status, reason: str | None) -> None:
            record = write_record(task, status, reason)
            progress.ended(record)
            if status == "failed":
                failed.append(record)

        run.backend.run_trials(todo, on_end)
    if failed:
        lines = "\n  ".join(f"{record.name}: {record.reason}" for record in failed)
        raise ValueError(f"{title}: {len(failed)} of {len(todo)} trainings failed\n  {lines}")
