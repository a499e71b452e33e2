"""The pipeline: every station in order. Each checks what is on disk and does what is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raytrain.config.duration import seconds_of
from raytrain.config.errors import config_error
from raytrain.config.job import JobSpec, Place
from raytrain.data.folds import load_or_make_folds
from raytrain.data.report import DataReport
from raytrain.engine.trial import open_samples
from raytrain.ensemble.bootstrap import beats
from raytrain.metrics.oof_file import read_oof_evidence
from raytrain.pipeline.backend import Workplace, local_problems
from raytrain.pipeline.batches import batch_text
from raytrain.pipeline.budget import Budget, BudgetOver
from raytrain.pipeline.check import check, summary
from raytrain.pipeline.cv import cv, member_specs
from raytrain.pipeline.device import device_problems
from raytrain.pipeline.encode import encode
from raytrain.pipeline.finalize import final_problems, finalize
from raytrain.pipeline.foreseen import NO_TEST, ensemble_problems
from raytrain.pipeline.joining import change
from raytrain.pipeline.predict import predict, read_ensemble
from raytrain.pipeline.prepare import ledger_of, prepare
from raytrain.pipeline.report import report as write_report
from raytrain.pipeline.rounds import rounds
from raytrain.pipeline.search import search
from raytrain.pipeline.smoke import smoke
from raytrain.pipeline.stamp import read_if_changed
from raytrain.pipeline.standing import standing
from raytrain.pipeline.study_table import study_table, study_text, write_study
from raytrain.pipeline.submit import submit
from raytrain.pipeline.tables import leaderboard_table, score_text
from raytrain.pipeline.tracking import tracking_problems
from raytrain.pipeline.train import train
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record, Station
from raytrain.submission.credentials import CREDENTIALS_HELP, has_credentials


def run(job: JobSpec, directory: RunDir, place: Place) -> None:
    """Run from the data folder to the checked CSV, the ledger and the report."""
    if job.budget is None:
        with _opened(job, directory, place, "search", "cv", "final") as (report, workplace):
            print(leaderboard_table(search(job, directory, report, workplace)))
            cv(job, directory, report, workplace, member_specs(job, directory, report))
            _finish(job, directory, report, workplace)
    else:
        _within(job, directory, place, Budget(directory, seconds_of(job.budget)))
    event = prepare(job, directory, 0)
    print(f"submission: {directory.submission} ({event.rows} rows), {event.kind} as {event.tag}")
    try:
        if event.kind not in ("scored", "failed") or event.ref is None:
            _send(job, directory)
    finally:
        print(f"report: {write_report(directory, ledger_of(job, directory))}")


def _within(job: JobSpec, directory: RunDir, place: Place, budget: Budget) -> None:
    """Run until the budget is over. Raises ValueError if there is no CSV by then."""
    try:
        with (
            budget.ending(),
            _opened(job, directory, place, "search", "cv", "final") as (report, workplace),
            budget.counted(),
        ):
            rounds(job, directory, report, workplace, budget)
    except BudgetOver:
        print(f"{budget.text()}: it is over; a larger one goes on from here", flush=True)
    if standing(directory) is None:
        raise ValueError(
            f"budget: {job.budget} were over before a first CSV; run again with more, what was "
            "trained is kept"
        )


def _send(job: JobSpec, directory: RunDir) -> None:
    """Send or follow the prepared file, if that is requested and possible; else print how to."""
    if not job.competition.submission.send:
        print("not sent: set competition.submission.send to true, or run `raytrain submit`")
    elif not has_credentials():
        print(f"not sent: {CREDENTIALS_HELP}\nthen run `raytrain submit`")
    else:
        submit(job, directory, ())


def train_only(job: JobSpec, directory: RunDir, place: Place) -> Record:
    """Run `raytrain train`."""
    with _opened(job, directory, place, "train") as (report, workplace):
        return train(job, directory, report, workplace)


def probe_only(job: JobSpec, directory: RunDir, place: Place) -> None:
    """Run `raytrain probe`."""
    with _opened(job, directory, place, "train") as (report, workplace):
        print(batch_text(job, directory, report, workplace))


def search_only(job: JobSpec, directory: RunDir, place: Place) -> None:
    """Run `raytrain search`."""
    with _opened(job, directory, place, "search") as (report, workplace):
        print(leaderboard_table(search(job, directory, report, workplace)))
    study = study_table(directory)
    if study is not None:
        write_study(directory, study)
        print(study_text(study))
        page = write_report(directory, ledger_of(job, directory))
        print(f"written: {directory.study}, and its figures in {page}")


def smoke_only(job: JobSpec, directory: RunDir, place: Place) -> None:
    """Run `raytrain search --smoke`; it uses no scheduler."""
    with _opened(job, directory, place) as (report, workplace):
        print(smoke(job, directory, report, workplace))


def cv_only(job: JobSpec, directory: RunDir, place: Place) -> None:
    """Run `raytrain cv`."""
    with _opened(job, directory, place, "cv") as (report, workplace):
        folds = cv(job, directory, report, workplace, member_specs(job, directory, report))
    print(f"out-of-fold maps of {len(folds.val_ids)} folds: {directory.oof}")


def finalize_only(job: JobSpec, directory: RunDir, place: Place) -> None:
    """Run `raytrain finalize`, up to the CSV."""
    with _opened(job, directory, place, "final") as (report, workplace):
        _finish(job, directory, report, workplace)
    print(f"submission: {directory.submission}")


def ensemble_only(
    job: JobSpec, directory: RunDir, place: Place, add: list[Path], remove: list[str]
) -> None:
    """Run `raytrain ensemble`: add and remove members, then recompute the score, masks and CSV."""
    with _opened(job, directory, place, "final") as (report, workplace):
        read_ensemble(directory)
        folds = load_or_make_folds(directory.folds, report, job.folds)
        before = read_oof_evidence(directory.evidence) if directory.evidence.is_file() else None
        for text in change(directory, open_samples(directory), folds, add, remove):
            print(text)
        _finish(job, directory, report, workplace)
    if before is not None and before.metric == job.competition.metric:
        better = beats(read_oof_evidence(directory.evidence), before)
        print(f"P(better than before, out of fold) = {better:.2f}, over paired draws of groups")
    print(f"submission: {directory.submission}")


def _finish(job: JobSpec, directory: RunDir, report: DataReport, workplace: Workplace) -> None:
    """Build the ensemble, its masks and its CSV."""
    specs = member_specs(job, directory, report)
    print(score_text(finalize(job, directory, report, workplace, specs)))
    predict(directory, report, workplace)
    encode(job, directory, report)


@contextmanager
def _opened(
    job: JobSpec, directory: RunDir, place: Place, *stations: Station
) -> Iterator[tuple[DataReport, Workplace]]:
    """Yield the checked data and the workplace, with the run directory locked."""
    problems = [
        *(local_problems(job, stations) if place == "local" else []),
        *device_problems(job, place),
        *tracking_problems(job, place),
        *((*final_problems(job), *ensemble_problems(job)) if "final" in stations else []),
    ]
    if problems:
        raise config_error("--local" if place == "local" else "the job", problems)
    directory.acquire()
    report = check(job, directory, read_if_changed)
    print(summary(report), flush=True)
    if "final" in stations and not report.ids("test"):
        raise ValueError(f"{directory.path}: {NO_TEST}")
    if {"search", "cv", "final"} & set(stations):
        # Find folds that do not fit before a search, not after it.
        load_or_make_folds(directory.folds, report, job.folds)
    with Workplace(job, place) as workplace:
        yield report, workplace
