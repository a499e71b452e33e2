"""`search`: trials over models, losses and rates on the given split, and the leaderboard."""

from raytrain.config.job import JobSpec
from raytrain.config.space import sample_trials
from raytrain.data.report import DataReport
from raytrain.pipeline.backend import Workplace
from raytrain.pipeline.progress import Progress
from raytrain.pipeline.tasks import held_out, make_task, not_done, prepare
from raytrain.runs.layout import RunDir
from raytrain.runs.leaderboard import write_leaderboard
from raytrain.runs.record import Record, Status, Task, read_record, write_record


def search(job: JobSpec, run: RunDir, report: DataReport, workplace: Workplace) -> list[Record]:
    """Run the trials that are not done yet; returns the leaderboard's records, best first.

    Raises ValueError when no trial gave a score.
    """
    tasks = search_tasks(job, run, report)
    todo = not_done(tasks)
    if todo:
        prepare(todo, report, run)
        _run(job, run, tasks, todo, workplace)
    records = write_leaderboard(run)
    if not any(record.best for record in records):
        reasons = "\n  ".join(f"{record.name}: {record.reason}" for record in records)
        raise ValueError(f"search: no trial gave a score\n  {reasons}")
    return records


def search_tasks(job: JobSpec, run: RunDir, report: DataReport) -> list[Task]:
    """All trials of the search, the same ones for the same job and data.

    Specs that became one, their depths lowered to what fits the images, are one trial.
    """
    specs = sample_trials(job.search.space, job.trial, job.search.trials, job.search.seed)
    fold, train_ids, val_ids = held_out(job, run, report)
    tasks = [
        make_task(job, run, report, "search", spec, fold, train_ids, val_ids, workers=1)
        for spec in specs
    ]
    return list({task.fingerprint: task for task in tasks}.values())


def _run(
    job: JobSpec, run: RunDir, tasks: list[Task], todo: list[Task], workplace: Workplace
) -> None:
    past = [
        record for task in tasks if task not in todo for record in [read_record(task.trial_dir)]
    ]
    with Progress("search", todo, job.search.scheduler.rungs(job.trial.epochs)) as progress:

        def on_end(task: Task, status: Status, reason: str | None) -> None:
            progress.ended(write_record(task, status, reason))

        workplace.backend.search(run, todo, [r for r in past if r], job.search, on_end)
