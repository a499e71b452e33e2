"""From a job to the tasks of its stations, and running those that are not done yet."""

from raytrain.config.job import JobSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.augment_check import augmentation_problems
from raytrain.data.report import DataReport
from raytrain.engine.compiling import compile_problem
from raytrain.models import refusal
from raytrain.models.weights import fetch_weights
from raytrain.pipeline.backend import Workplace
from raytrain.pipeline.progress import Progress
from raytrain.runs.layout import RunDir
from raytrain.runs.record import (
    Record,
    Station,
    Status,
    Task,
    read_record,
    task_fingerprint,
    write_record,
)


def make_task(
    job: JobSpec,
    run: RunDir,
    report: DataReport,
    station: Station,
    spec: TrialSpec,
    fold: str,
    train_ids: tuple[str, ...],
    val_ids: tuple[str, ...],
    workers: int,
) -> Task:
    """A task whose directory is named after everything that decides its numbers."""
    name = task_fingerprint(spec, report.fingerprint, fold, workers)
    parts = [station, spec.label, *([] if fold in ("split", "all") else [fold]), name[:4]]
    return Task(
        name="_".join(parts),
        station=station,
        spec=spec,
        data=report.fingerprint,
        fold=fold,
        train_ids=train_ids,
        val_ids=val_ids,
        workers=workers,
        cpus=job.resources.cpus,
        loaders=job.resources.loaders,
        directory=run.trial(name).path,
    )


def prepare(tasks: list[Task], report: DataReport, run: RunDir) -> None:
    """Refuse networks and transforms that cannot take the data, and fetch pretrained weights,
    before a worker is asked for. Raises ValueError listing every problem."""
    modes = {task.spec.compile for task in tasks}
    problems = [problem for mode in modes if (problem := compile_problem(mode))][:1]
    for augmentation in {task.spec.augmentation for task in tasks}:
        found = augmentation_problems(augmentation, report)
        problems += [f"augmentation: {problem}" for problem in found]
    for model in {task.spec.model for task in tasks}:
        size = (report.channels, len(report.classes), report.height, report.width)
        problem = refusal(model, *size)
        if problem:
            problems.append(f"model: {problem}")
            continue
        try:
            fetch_weights(model, run.weights)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("\n".join(sorted(set(problems))))


def not_done(tasks: list[Task]) -> list[Task]:
    """Tasks without a record; a failed one is tried again."""
    records = [(task, read_record(task.trial_dir)) for task in tasks]
    return [task for task, record in records if record is None or record.status == "failed"]


def run_to_end(tasks: list[Task], workplace: Workplace, title: str) -> None:
    """Train the tasks that are not done yet. Raises ValueError naming each that failed."""
    todo = not_done(tasks)
    if not todo:
        return
    failed: list[Record] = []
    with Progress(title, todo, rungs=[]) as progress:

        def on_end(task: Task, status: Status, reason: str | None) -> None:
            record = write_record(task, status, reason)
            progress.ended(record)
            if status == "failed":
                failed.append(record)

        workplace.backend.run_trials(todo, on_end)
    if failed:
        lines = "\n  ".join(f"{record.name}: {record.reason}" for record in failed)
        raise ValueError(f"{title}: {len(failed)} of {len(todo)} trainings failed\n  {lines}")
