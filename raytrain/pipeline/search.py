"""`search`: run trials over models, losses and other settings, and write the leaderboard."""

from collections.abc import Callable

from raytrain.config.job import JobSpec
from raytrain.config.space import with_values
from raytrain.config.space_check import combinations
from raytrain.data.report import DataReport
from raytrain.pipeline.backend import Workplace
from raytrain.pipeline.keep import BestKeepers
from raytrain.pipeline.plan import plan_text
from raytrain.pipeline.progress import Progress
from raytrain.pipeline.study import Study
from raytrain.pipeline.tables import stopping_text
from raytrain.pipeline.trainable import make_trainable
from raytrain.runs.attempts import Failure
from raytrain.runs.configurations import Configuration
from raytrain.runs.files import write_json
from raytrain.runs.history import read_history
from raytrain.runs.layout import RunDir
from raytrain.runs.leaderboard import ranked, write_leaderboard
from raytrain.runs.orders import Orders, without_end
from raytrain.runs.present import present_events
from raytrain.runs.record import Status, Task, write_record
from raytrain.runs.retry import note_failure
from raytrain.runs.stopping import stopping


def search(
    job: JobSpec,
    run: RunDir,
    report: DataReport,
    workplace: Workplace,
    over: Callable[[], bool] = without_end,
) -> list[Configuration]:
    """Run the remaining trials until the search's time is `over`; returns the leaderboard, best
    first.

    Raises ValueError when no trial gave a score. Returns an empty list if there was no time for
    one.
    """
    study = Study(job, run, report)
    todo, samples = _checked(job, run, report, study)
    if study.is_open():
        run.searched.unlink(missing_ok=True)
    if study.is_open() and not over():
        print(plan_text(run, samples, study.left(), job.search, workplace), flush=True)
        _run(job, run, study, todo, workplace, over)
    board = write_leaderboard(run)
    records = [record for each in board for record in each.records]
    if not any(record.best for record in records):
        if over() and all(record.status == "paused" for record in records):
            return []
        reasons = "\n  ".join(f"{record.name}: {record.reason}" for record in records)
        raise ValueError(f"search: no trial gave a score\n  {reasons}")
    write_json(run.searched, {"configurations": len(board)})
    if events := present_events(run):
        histories = {r.fingerprint: read_history(run.trial(r.fingerprint).history) for r in records}
        print(stopping_text(stopping(records, histories, events)), flush=True)
    return board


def _checked(
    job: JobSpec, run: RunDir, report: DataReport, study: Study
) -> tuple[list[Task], list[Task]]:
    """Return the trials that are known to come, and samples of all trials. Every trial is checked.
    If later trials depend on results, all that may be drawn are checked."""
    space, base = job.search.space, job.trial
    if job.search.sampler.name != "tpe":
        todo = study.draw_all()
        if todo:
            make_trainable(todo, report, run)
        return todo, todo
    if not study.ahead():
        return [], []
    specs = [with_values(base, values) for values in combinations(space)]
    possible = [study.tasks_of(spec)[0] for spec in specs]
    make_trainable(possible, report, run)
    return [], possible


def _run(
    job: JobSpec,
    run: RunDir,
    study: Study,
    todo: list[Task],
    workplace: Workplace,
    over: Callable[[], bool],
) -> None:
    past, stopped = study.records(), study.stopped()
    keepers = BestKeepers(run, job.search.keep, ranked(run))
    epochs = job.search.longest(job.trial.epochs)
    rungs, views = job.search.scheduler.rungs(epochs), workplace.views(run)
    with Progress("search", todo, rungs, views) as progress:

        def propose() -> Task | None:
            task = study.next()
            if task is not None:
                progress.follow(task)
            return task

        def on_end(task: Task, status: Status, reason: str | None) -> None:
            record = write_record(task, status, reason)
            progress.ended(record)
            keepers.ended(record)

        def on_failure(task: Task, failure: Failure) -> None:
            progress.failed(task, note_failure(task, failure))

        orders = Orders(run, propose, past, job.search, epochs, on_end, stopped, over, on_failure)
        workplace.backend.search(orders)
