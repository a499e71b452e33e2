"""The commands of the pipeline: one per station, and those that chain them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from raytrain.cli.app import JobFile, Local, Overrides, Profile, app, resolved
from raytrain.cli.begin import begun
from raytrain.config.load import load_job
from raytrain.runs.layout import run_dir

PANEL = "The line"
EXAMPLES = Path(__file__).parents[1] / "jobs"
"""Jobs that the package brings along."""


@app.command(rich_help_panel=PANEL)
def check(job: JobFile, set: Overrides = None, profile: Profile = None) -> None:
    """Read all data once, list every problem, and save data.json and folds.json."""
    from raytrain.data.folds import fold_notes
    from raytrain.pipeline.check import check_all, summary

    spec = load_job(job, set, profile)
    run = run_dir(spec)
    report, folds = check_all(spec, run)
    print("\n  ".join([summary(report), *fold_notes(folds, report)]))
    print(f"written: {run.data_report}, {run.folds}, {run.contact_sheet}")


@app.command(rich_help_panel=PANEL)
def train(
    job: JobFile, set: Overrides = None, profile: Profile = None, local: Local = False
) -> None:
    """Train the job's trial on the given split."""
    from raytrain.pipeline.run import opened
    from raytrain.pipeline.train import train as station

    with opened(*resolved(job, set, profile, local), "train") as run:
        record = station(run)
    best = f"best val Dice {record.best['val_dice']:.4f}, " if record.best else ""
    print(f"{record.name}: {best}{record.epochs} epochs, fingerprint {record.fingerprint}")


@app.command(rich_help_panel=PANEL)
def probe(
    job: JobFile, set: Overrides = None, profile: Profile = None, local: Local = False
) -> None:
    """Measure the largest batches that fit on a worker, in training and prediction."""
    from raytrain.pipeline.probe import probe as station
    from raytrain.pipeline.run import opened

    with opened(*resolved(job, set, profile, local), "train") as run:
        print(station(run))


@app.command(rich_help_panel=PANEL)
def search(
    job: JobFile,
    set: Overrides = None,
    profile: Profile = None,
    local: Local = False,
    smoke: Annotated[
        bool,
        typer.Option(
            "--smoke",
            help="Only test that every value of every factor builds and trains a few steps.",
        ),
    ] = False,
) -> None:
    """Search models, losses and rates with early stopping; writes leaderboard.csv."""
    from raytrain.pipeline.report import report as write_report
    from raytrain.pipeline.run import opened
    from raytrain.pipeline.search import search as station
    from raytrain.report.study_results import study_table, study_text, write_study
    from raytrain.report.terminal import leaderboard_table
    from raytrain.search.smoke import smoke as smoke_test
    from raytrain.submission.ledger import ledger_of

    spec, folder, place = resolved(job, set, profile, local)
    if smoke:
        with opened(spec, folder, place) as run:
            print(smoke_test(run))
        return
    with opened(spec, folder, place, "search") as run:
        print(leaderboard_table(station(run)))
    if study := study_table(folder):
        write_study(folder, study)
        print(study_text(study))
        page = write_report(folder, ledger_of(spec, folder))
        print(f"written: {folder.study}, and its figures in {page}")


@app.command(rich_help_panel=PANEL)
def cv(job: JobFile, set: Overrides = None, profile: Profile = None, local: Local = False) -> None:
    """Train the best configurations on all folds; writes out-of-fold maps to oof/."""
    from raytrain.pipeline.cv import candidate_recipes
    from raytrain.pipeline.cv import cv as station
    from raytrain.pipeline.run import opened

    with opened(*resolved(job, set, profile, local), "cv") as run:
        folds = station(run, candidate_recipes(run))
    print(f"out-of-fold maps of {len(folds.val_ids)} folds: {run.folder.oof}")


@app.command(rich_help_panel=PANEL)
def finalize(
    job: JobFile, set: Overrides = None, profile: Profile = None, local: Local = False
) -> None:
    """Choose the ensemble out of fold and train it; writes its masks and submission.csv."""
    from raytrain.pipeline.run import finish, opened

    with opened(*resolved(job, set, profile, local), "final") as run:
        finish(run)
    print(f"submission: {run.folder.submission}")


@app.command(rich_help_panel=PANEL)
def ensemble(
    job: JobFile,
    add: Annotated[
        list[Path] | None,
        typer.Option("--add", help="A folder with member.json, oof/ and test/ (repeatable)."),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", help="Name of a member to remove (repeatable).")
    ] = None,
    set: Overrides = None,
    profile: Profile = None,
    local: Local = False,
) -> None:
    """Add teammates' maps to the ensemble, or remove them; updates score, masks and CSV."""
    from raytrain.pipeline.ensemble import ensemble as station
    from raytrain.pipeline.run import opened

    with opened(*resolved(job, set, profile, local), "final") as run:
        better = station(run, add or [], remove or [])
    if better is not None:
        print(f"P(better than before, out of fold) = {better:.2f}, over paired draws of groups")
    print(f"submission: {run.folder.submission}")


@app.command(rich_help_panel=PANEL)
def evaluate(
    job: Annotated[
        Path | None, typer.Argument(help="The competition's YAML; none with --masks and --truth.")
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(help="A folder of predicted masks, to compare with --truth.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="A folder of true masks with the same names.")
    ] = None,
    set: Overrides = None,
    profile: Profile = None,
) -> None:
    """Score masks against the truth: the ensemble's, or any folder's; writes evaluation.csv."""
    from raytrain.data.report import read_report
    from raytrain.pipeline.evaluate import evaluate as station
    from raytrain.pipeline.evaluate import evaluate_folders
    from raytrain.report.terminal import evaluation_text

    if (masks is None) != (truth is None) or (job is None) != (masks is not None):
        raise typer.BadParameter("give either a job, or --masks and --truth")
    if masks is not None and truth is not None:
        print(evaluation_text(str(masks), *evaluate_folders(masks, truth)))
        return
    assert job is not None
    run = run_dir(load_job(job, set, profile))
    for name, found in station(run).items():
        print(evaluation_text(name, found, read_report(run.data_report).classes))
    print(f"written: {run.evaluation}")


@app.command(rich_help_panel=PANEL)
def report(job: JobFile, set: Overrides = None, profile: Profile = None) -> None:
    """Write report.html: one page that needs no network."""
    from raytrain.pipeline.report import report as station
    from raytrain.submission.ledger import ledger_of

    spec = load_job(job, set, profile)
    run = run_dir(spec)
    print(f"written: {station(run, ledger_of(spec, run))}")


@app.command(rich_help_panel=PANEL)
def run(
    job: Annotated[Path, typer.Argument(help="The competition's YAML, or its folder or .zip.")],
    set: Overrides = None,
    profile: Profile = None,
    local: Local = False,
    budget: Annotated[
        str | None,
        typer.Option(
            help="Time limit over all starts, such as 90m or 2h; the best ensemble so far is kept."
        ),
    ] = None,
) -> None:
    """Run the whole pipeline, from the folder to the checked CSV; run it again to continue.

    With a folder or a .zip in place of the YAML, `init` writes the YAML first.
    """
    from raytrain.pipeline.init import keep_report
    from raytrain.pipeline.run import run as line

    path, draft = begun(job)
    given = [f"budget={budget}"] if budget is not None else []
    spec, folder, place = resolved(path, [*(set or []), *given], profile, local)
    if draft is not None:
        keep_report(draft, spec, folder)
    line(spec, folder, place)


@app.command(rich_help_panel=PANEL)
def demo(
    job: Annotated[
        Path, typer.Argument(help="A copy of jobs/phantom.yaml; the package has its own.")
    ] = EXAMPLES / "phantom.yaml",
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

    spec = load_job(job, set, profile)
    sys.exit(submit_job(command, spec, address, python, sys.stdout))
