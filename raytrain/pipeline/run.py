"""`run`: every station in order. Each station checks what is on disk and does only what is
missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from raytrain.backend.clock import BudgetOver, Clock
from raytrain.backend.counting import show_stations
from raytrain.backend.problems import device_problems, local_problems, tracking_problems
from raytrain.backend.workplace import Workplace
from raytrain.config.duration import seconds_of
from raytrain.config.errors import config_error
from raytrain.config.job import JobSpec, Place
from raytrain.data.stamp import read_if_changed
from raytrain.engine.run import Run
from raytrain.ensemble.current_ensemble import current_evidence
from raytrain.ensemble.select import select
from raytrain.pipeline.budget import run_within
from raytrain.pipeline.check import check, ensemble_problems
from raytrain.pipeline.cv import candidate_recipes, cv
from raytrain.pipeline.data_text import NO_TEST, summary
from raytrain.pipeline.encode import encode
from raytrain.pipeline.evaluate import evaluate, has_test_truth
from raytrain.pipeline.finalize import final_problems, finalize
from raytrain.pipeline.predict import predict
from raytrain.pipeline.report import report
from raytrain.pipeline.search import search
from raytrain.pipeline.self_train import self_train
from raytrain.pipeline.submit import submit
from raytrain.report.terminal import evaluation_text, leaderboard_table, score_text
from raytrain.runs.layout import RunDir
from raytrain.runs.lock import locked
from raytrain.runs.messages import say
from raytrain.runs.record import Station
from raytrain.submission.credentials import CREDENTIALS_HELP, has_credentials
from raytrain.submission.events import Event
from raytrain.submission.ledger import ledger_of, states
from raytrain.submission.prepare import prepare


def run(job: JobSpec, folder: RunDir, place: Place) -> Event:
    """Run all stations, from the data folder to the checked CSV, the ledger and the report; returns
    the last event of the submission."""
    ledger = ledger_of(job, folder)  # one at its old place is refused before any training
    if job.budget is None:
        with opened(job, folder, place, "search", "cv", "final") as run:
            say(leaderboard_table(search(run)))
            cv(run, candidate_recipes(run))
            finish(run)
    else:
        _within(job, folder, place, Clock(folder, seconds_of(job.budget)))
    event = prepare(job, folder, 0)
    say(f"submission: {folder.submission} ({event.rows} rows), {event.kind} as {event.tag}")
    try:
        if event.kind not in ("scored", "failed") or event.ref is None:
            event = _sent(job, folder, event)
    finally:
        say(f"report: {report(folder, ledger)}")
    return event


def _within(job: JobSpec, folder: RunDir, place: Place, clock: Clock) -> None:
    """Run all stations until the budget is over. Raises ValueError if no CSV was written by
    then."""
    try:
        with (
            clock.ending(),
            opened(job, folder, place, "search", "cv", "final") as run,
            clock.counted(),
        ):
            run_within(run, clock)
    except BudgetOver:
        say(f"{clock.text()}: the budget is used up; run again with a larger one to continue")
    if current_evidence(folder) is None:
        raise ValueError(
            f"budget: the {job.budget} budget ran out before the first CSV was written; run again "
            "with a larger one, which continues from the last epoch"
        )


def _sent(job: JobSpec, folder: RunDir, prepared: Event) -> Event:
    """Send the prepared file, or follow it, if that is requested and possible. Otherwise print how
    to send it. Returns the submission's last event."""
    if not job.competition.submission.send:
        say("not sent: set competition.submission.send to true, or run `raytrain submit`")
    elif not has_credentials():
        say(f"not sent: {CREDENTIALS_HELP}\nthen run `raytrain submit`")
    else:
        return submit(job, folder, ()).event
    return prepared


def finish(run: Run) -> None:
    """Build the ensemble of the best configurations, its masks and its CSV."""
    selection = select(run, candidate_recipes(run))
    if run.job.self_train is not None:
        selection = self_train(run, selection)
    say(score_text(finalize(run, selection)))
    predict(run)
    encode(run)
    if has_test_truth(run.report):
        found = evaluate(run.folder).sets
        say(evaluation_text("test", found["test"], run.report.classes))


@contextmanager
def opened(job: JobSpec, folder: RunDir, place: Place, *stations: Station) -> Iterator[Run]:
    """Yield the run of a job. Its data is checked and its folder is locked. Raises ValueError when
    the settings cannot work here, when the data has problems, and when the stations predict test
    images and there are none."""
    problems = [
        *(local_problems(job, stations) if place == "local" else []),
        *device_problems(job, place),
        *tracking_problems(job, place),
        *((*final_problems(job), *ensemble_problems(job)) if "final" in stations else []),
    ]
    if problems:
        raise config_error("--local" if place == "local" else "the job", problems)
    submissions = partial(states, job, folder)
    with locked(folder), Workplace(job, place, folder, submissions) as workplace:
        show_stations(folder)
        checked = check(job, folder, read_if_changed)
        say(summary(checked))
        if "final" in stations and not checked.ids("test"):
            raise ValueError(f"{folder.path}: {NO_TEST}")
        run = Run(job, folder, checked, workplace.backend)
        if {"search", "cv", "final"} & set(stations):
            # Find folds that do not fit before a search, not after it.
            assert run.folds
        yield run
