"""Commands for submissions to Kaggle."""

import time
from pathlib import Path
from typing import Annotated

import typer

from raytrain.cli.app import JobFile, Overrides, Profile, app
from raytrain.config.load import load_job
from raytrain.runs.layout import run_dir

PANEL = "Submissions"


@app.command(rich_help_panel=PANEL)
def dialect(
    sample: Annotated[Path, typer.Option(help="The competition's sample submission, a CSV.")],
    train: Annotated[Path | None, typer.Option(help="Its CSV of training masks.")] = None,
    images: Annotated[Path | None, typer.Option(help="The folder of its images.")] = None,
) -> None:
    """Infer how masks become the CSV, and print the YAML for it."""
    from raytrain.submission.inference.block import yaml_block
    from raytrain.submission.inference.infer import infer

    found = infer(sample, train, images)
    print("\n".join([*map(str, found.findings), "", yaml_block(found)]))


@app.command(rich_help_panel=PANEL)
def submit(
    job: JobFile,
    set: Overrides = None,
    profile: Profile = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do everything except sending.")
    ] = False,
    queue: Annotated[
        bool, typer.Option("--queue", help="Wait for the next day's quota if today's is used up.")
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            help="Send a late file, or one that is probably not better than the best one sent.",
        ),
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Send a file again that was sent before.")
    ] = False,
) -> None:
    """Send submission.csv to Kaggle, exactly once, and follow it until it is scored."""
    from raytrain.pipeline import submit as station
    from raytrain.submission.queue import submit_queue

    if dry_run and queue:
        raise typer.BadParameter("choose one of --dry-run and --queue")
    spec = load_job(job, set, profile)
    run = run_dir(spec)
    consent = [*(("late", "unlikely") if yes else ()), *(("again",) if again else ())]
    if dry_run:
        station.dry_run(spec, run, consent)
    elif queue:
        submit_queue(spec, run, consent, time.sleep)
    else:
        station.submit(spec, run, consent)


@app.command(rich_help_panel=PANEL)
def ledger(
    job: JobFile,
    set: Overrides = None,
    profile: Profile = None,
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="First add what Kaggle's own list shows.")
    ] = False,
) -> None:
    """Show what was prepared and sent for this competition."""
    from raytrain.pipeline import ledger as station
    from raytrain.submission.ledger import ledger_of

    spec = load_job(job, set, profile)
    run = run_dir(spec)
    if reconcile:
        print(station.reconcile(spec, run))
    print(station.ledger_table(ledger_of(spec, run)))


@app.command(rich_help_panel=PANEL)
def picks(
    job: JobFile,
    public: Annotated[
        float, typer.Option(help="Share of the test images that the public score uses.")
    ] = 0.3,
    set: Overrides = None,
    profile: Profile = None,
) -> None:
    """Recommend which two of the sent files to select as final submissions, and why."""
    from raytrain.pipeline.picks import picks_text

    spec = load_job(job, set, profile)
    print(picks_text(spec, run_dir(spec), public))


@app.command(rich_help_panel=PANEL)
def reproduce(
    ref: Annotated[str, typer.Argument(help="Kaggle's number of a submission, or its tag.")],
    job: JobFile,
    set: Overrides = None,
    profile: Profile = None,
) -> None:
    """Rebuild a submission's CSV from its record, and compare the two."""
    from raytrain.pipeline.reproduce import reproduce as station

    spec = load_job(job, set, profile)
    print(station(spec, run_dir(spec), ref))
