"""The line: every station in order. Each looks at what is on disk and does what is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

from raytrain.config.errors import config_error
from raytrain.config.job import JobSpec, Place
from raytrain.data.report import DataReport
from raytrain.pipeline.backend import Workplace, local_problems
from raytrain.pipeline.check import check, summary
from raytrain.pipeline.cv import cv
from raytrain.pipeline.encode import encode
from raytrain.pipeline.finalize import final_problems, finalize
from raytrain.pipeline.predict import predict
from raytrain.pipeline.prepare import ledger_of, prepare
from raytrain.pipeline.report import report as write_report
from raytrain.pipeline.search import search
from raytrain.pipeline.submit import submit
from raytrain.pipeline.tables import leaderboard_table
from raytrain.pipeline.train import train
from raytrain.runs.ensemble import Ensemble
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record, Station
from raytrain.submission.credentials import CREDENTIALS_HELP, has_credentials


def run(job: JobSpec, directory: RunDir, place: Place) -> None:
    """From the folder to the checked CSV, the ledger and the report."""
    with _opened(job, directory, place, "search", "cv", "final") as (report, workplace):
        print(leaderboard_table(search(job, directory, report, workplace)))
        cv(job, directory, report, workplace)
        print(_score_text(finalize(job, directory, report, workplace)))
        predict(directory, report, workplace)
        encode(job, directory, report)
    event = prepare(job, directory, 0)
    print(f"submission: {directory.submission} ({event.rows} rows), {event.kind} as {event.tag}")
    try:
        if event.kind not in ("scored", "failed") or event.ref is None:
            _send(job, directory)
    finally:
        print(f"report: {write_report(directory, ledger_of(job, directory))}")


def _send(job: JobSpec, directory: RunDir) -> None:
    """Send the prepared file, or follow it, when that is asked for and possible; else say how."""
    if not job.competition.submission.send:
        print("not sent: set competition.submission.send to true, or run `raytrain submit`")
    elif not has_credentials():
        print(f"not sent: {CREDENTIALS_HELP}\nthen run `raytrain submit`")
    else:
        submit(job, directory, ())


def train_only(job: JobSpec, directory: RunDir, place: Place) -> Record:
    """`raytrain train`."""
    with _opened(job, directory, place, "train") as (report, workplace):
        return train(job, directory, report, workplace)


def search_only(job: JobSpec, directory: RunDir, place: Place) -> None:
    """`raytrain search`."""
    with _opened(job, directory, place, "search") as (report, workplace):
        print(leaderboard_table(search(job, directory, report, workplace)))


def cv_only(job: JobSpec, directory: RunDir, place: Place) -> None:
    """`raytrain cv`."""
    with _opened(job, directory, place, "cv") as (report, workplace):
        folds = cv(job, directory, report, workplace)
    print(f"out-of-fold maps of {len(folds.val_ids)} folds: {directory.oof}")


def finalize_only(job: JobSpec, directory: RunDir, place: Place) -> None:
    """`raytrain finalize`: up to the CSV."""
    with _opened(job, directory, place, "final") as (report, workplace):
        print(_score_text(finalize(job, directory, report, workplace)))
        predict(directory, report, workplace)
        encode(job, directory, report)
    print(f"submission: {directory.submission}")


@contextmanager
def _opened(
    job: JobSpec, directory: RunDir, place: Place, *stations: Station
) -> Iterator[tuple[DataReport, Workplace]]:
    """The checked data and the place of work, with the run directory held for this process."""
    problems = local_problems(job, stations) if place == "local" else []
    if problems:
        raise config_error("--local", problems)
    problems = final_problems(job) if "final" in stations else []
    if problems:
        raise config_error("final training", problems)
    directory.acquire()
    report = check(job, directory)
    print(summary(report), flush=True)
    with Workplace(job, place) as workplace:
        yield report, workplace


def _score_text(ensemble: Ensemble) -> str:
    lines = [f"  {_one(member.name, member.oof)}" for member in ensemble.members]
    images = f"{ensemble.oof['images']} images, 95 % over groups"
    title = f"out-of-fold {ensemble.oof['metric']} ({images}):"
    return "\n".join([title, *lines, f"  {_one('mean', ensemble.oof)}"])


def _one(name: str, oof: dict) -> str:
    return f"{name}: {oof['score']:.4f} ({oof['low']:.4f} .. {oof['high']:.4f})"
