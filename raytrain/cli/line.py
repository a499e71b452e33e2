"""The commands of the pipeline: one per station, and those that chain them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from raytrain.cli.app import JobFile, Local, Overrides, Profile, app, opened
from raytrain.config.errors import config_error
from raytrain.config.load import load_job
from raytrain.runs.layout import run_dir

PANEL = "The line"


@app.command(rich_help_panel=PANEL)
def fetch(job: JobFile, set: Overrides = None, profile: Profile = None) -> None:
    """Download and unpack a Kaggle competition into competition.data."""
    from raytrain.pipeline.fetch import fetch as station

    spec = load_job(job, set, profile)
    print(f"fetched: {station(spec, Path(spec.competition.data))}")


@app.command(rich_help_panel=PANEL)
def check(job: JobFile, set: Overrides = None, profile: Profile = None) -> None:
    """Read all data once, list every problem, and save data.json and folds.json."""
    from raytrain.data.folds import fold_notes, load_or_make_folds
    from raytrain.pipeline.check import check as station
    from raytrain.pipeline.check import draw_contact_sheet, summary
    from raytrain.pipeline.foreseen import ensemble_problems

    spec = load_job(job, set, profile)
    if problems := ensemble_problems(spec):
        raise config_error("the job", problems)
    run = run_dir(spec)
    report = station(spec, run)
    folds = load_or_make_folds(run.folds, report, spec.folds)
    sheet = draw_contact_sheet(run, report)
    print("\n  ".join([summary(report), *fold_notes(folds, report)]))
    print(f"written: {run.data_report}, {run.folds}, {sheet}")


@app.command(rich_help_panel=PANEL)
def train(
    job: JobFile, set: Overrides = None, profile: Profile = None, local: Local = False
) -> None:
    """Train the job's trial on the given split."""
    from raytrain.pipeline.run import train_only

    record = train_only(*opened(job, set, profile, local))
    best = f"best val Dice {record.best['val_dice']:.4f}, " if record.best else ""
    print(f"{record.name}: {best}{record.epochs} epochs, fingerprint {record.fingerprint}")


@app.command(rich_help_panel=PANEL)
def probe(
    job: JobFile, set: Overrides = None, profile: Profile = None, local: Local = False
) -> None:
    """Measure the largest batches that fit on a worker, in training and prediction."""
    from raytrain.pipeline.run import probe_only

    probe_only(*opened(job, set, profile, local))


@app.command(rich_help_panel=PANEL)
def search(
    job: JobFile,
    set: Overrides = None,
    profile: Profile = None,
    local: Local = False,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Only build every value of every factor, and step.")
    ] = False,
) -> None:
    """Search models, losses and rates with early stopping; writes leaderboard.csv."""
    from raytrain.pipeline.run import search_only, smoke_only

    station = smoke_only if smoke else search_only
    station(*opened(job, set, profile, local))


@app.command(rich_help_panel=PANEL)
def cv(job: JobFile, set: Overrides = None, profile: Profile = None, local: Local = False) -> None:
    """Train the best configurations on all folds; writes out-of-fold maps to oof/."""
    from raytrain.pipeline.run import cv_only

    cv_only(*opened(job, set, profile, local))


@app.command(rich_help_panel=PANEL)
def finalize(
    job: JobFile, set: Overrides = None, profile: Profile = None, local: Local = False
) -> None:
    """Retrain the members on train+val; writes the ensemble, its masks and submission.csv."""
    from raytrain.pipeline.run import finalize_only

    finalize_only(*opened(job, set, profile, local))


@app.command(rich_help_panel=PANEL)
def ensemble(
    job: JobFile,
    add: Annotated[
        list[Path] | None,
        typer.Option("--add", help="A folder with member.json, oof/ and test/ (repeatable)."),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", help="The name of one who joined (repeatable).")
    ] = None,
    set: Overrides = None,
    profile: Profile = None,
    local: Local = False,
) -> None:
    """Add teammates' maps to the ensemble, or remove them; updates score, masks and CSV."""
    from raytrain.pipeline.run import ensemble_only

    ensemble_only(*opened(job, set, profile, local), add or [], remove or [])


@app.command(rich_help_panel=PANEL)
def report(job: JobFile, set: Overrides = None, profile: Profile = None) -> None:
    """Write report.html: one page that needs no network."""
    from raytrain.pipeline.prepare import ledger_of
    from raytrain.pipeline.report import report as station

    spec = load_job(job, set, profile)
    run = run_dir(spec)
    print(f"written: {station(run, ledger_of(spec, run))}")


@app.command(rich_help_panel=PANEL)
def run(
    job: JobFile,
    set: Overrides = None,
    profile: Profile = None,
    local: Local = False,
    budget: Annotated[
        str | None,
        typer.Option(help="Time such as 90m or 2h, over all starts: the best so far stands."),
    ] = None,
) -> None:
    """Run the whole pipeline, from the folder to the checked CSV; run it again to continue."""
    from raytrain.pipeline.run import run as line

    given = [f"budget={budget}"] if budget is not None else []
    line(*opened(job, [*(set or []), *given], profile, local))


@app.command(rich_help_panel=PANEL)
def demo(
    job: Annotated[Path, typer.Argument(help="jobs/phantom.yaml, or a copy of it.")],
    set: Overrides = None,
) -> None:
    """Run the whole pipeline on a small synthetic competition with known test masks."""
    from raytrain.pipeline.demo import demo as station

    spec = load_job(job, set, None)
    sys.exit(station(spec, run_dir(spec)))


@app.command(rich_help_panel=PANEL)
def launch(
    command: Annotated[str, typer.Argument(help="The command to run there: run, search, ...")],
    job: JobFile,
    address: Annotated[str, typer.Option(help="The cluster's dashboard, http://HOST:8265.")],
    set: Overrides = None,
    profile: Profile = None,
    python: Annotated[str, typer.Option(help="The interpreter on the cluster.")] = "python",
) -> None:
    """Run a command as a Ray job on a cluster, follow its log, and return its exit code."""
    from raytrain.cluster.jobs import launch as submit_job

    sys.exit(submit_job(command, load_job(job, set, profile), address, python))
