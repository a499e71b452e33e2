"""Commands for submissions to Kaggle."""

import time
from pathlib import Path
from typing import Annotated

import typer

import raytrain
from raytrain.cli.answer import Answer
from raytrain.cli.app import JobFile, Overrides, Profile, app
from raytrain.config.load import load_job
from raytrain.runs.layout import run_dir
from raytrain.runs.lock import visited

PANEL = "Submissions"


@app.command(rich_help_panel=PANEL)
def dialect(
    sample: Annotated[Path, typer.Option(help="The competition's sample submission, a CSV.")],
    train: Annotated[
        Path | None, typer.Option(help="The competition's CSV of training masks.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="The folder of the images that the rows name.")
    ] = None,
) -> Answer:
    """Infer how the competition writes masks into its CSV, and print the YAML for it."""
    from raytrain.submission.inference.block import yaml_block
    from raytrain.submission.inference.infer import infer

    found = infer(sample, train, images)
    block = yaml_block(found)
    text = "\n".join([*map(str, found.findings), "", block])
    return Answer({"findings": found.findings, "yaml": block}, text)


@app.command(rich_help_panel=PANEL)
def submit(
    job: JobFile,
    set: Overrides = None,
    profile: Profile = None,
    preview: Annotated[
        bool,
        typer.Option("--preview", "--dry-run", help="Do everything except sending; gives a token."),
    ] = False,
    commit: Annotated[
        str | None,
        typer.Option(help="Send exactly the file of the preview that gave this token."),
    ] = None,
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
) -> Answer:
    """Send submission.csv to Kaggle, exactly once, and follow it until it is scored."""
    from raytrain.submission.preflight import Consent, quota_of
    from raytrain.submission.queue import submit_queue

    if preview + queue + (commit is not None) > 1:
        raise typer.BadParameter("choose one of --preview, --commit and --queue")
    spec = load_job(job, set, profile)
    consent: list[Consent] = [
        *(("late", "unlikely") if yes else ()), *(("again",) if again else ()),
    ]  # fmt: skip
    if queue:
        scored = submit_queue(spec, visited(spec), consent, time.sleep)
        quota = quota_of(scored[-1][1]) if scored else None
        return Answer({"events": [event for event, _ in scored], "quota": quota})
    if not preview:
        return Answer(raytrain.submit(spec, commit, consent))
    found = raytrain.preview(spec, consent)
    event = found.event
    text = f"not sent (preview): {event.file}, {event.rows} rows, as {event.tag}\n"
    text += f"to send exactly this file: raytrain submit {job} --commit {found.token}"
    return Answer(found, text)


@app.command(rich_help_panel=PANEL)
def ledger(
    job: JobFile,
    set: Overrides = None,
    profile: Profile = None,
    reconcile: Annotated[
        bool,
        typer.Option(
            "--reconcile", help="First add the submissions and scores in Kaggle's own list."
        ),
    ] = False,
) -> Answer:
    """Show the submissions that were prepared or sent for this competition."""
    from raytrain.pipeline import ledger as station
    from raytrain.submission.ledger import ledger_of

    spec = load_job(job, set, profile)
    run = run_dir(spec)
    merged = station.reconcile(spec, run) if reconcile else None
    found = station.listed(ledger_of(spec, run))
    lines = [merged.text, found.text] if merged else [found.text]
    result = {"reconciled": merged, "ledger": found.ledger, "submissions": found.submissions}
    return Answer(result, "\n".join(lines))


@app.command(rich_help_panel=PANEL)
def picks(
    job: JobFile,
    public: Annotated[
        float, typer.Option(help="Share of the test images that the public score uses.")
    ] = 0.3,
    set: Overrides = None,
    profile: Profile = None,
) -> Answer:
    """Recommend which two of the sent files to select as final submissions, and why."""
    from raytrain.pipeline.picks import picks as station

    spec = load_job(job, set, profile)
    found = station(spec, visited(spec), public)
    return Answer(found, found.text)


@app.command(rich_help_panel=PANEL)
def reproduce(
    ref: Annotated[str, typer.Argument(help="Kaggle's number of a submission, or its tag.")],
    job: JobFile,
    set: Overrides = None,
    profile: Profile = None,
) -> Answer:
    """Rebuild a submission's CSV from its record, and compare it with the CSV that was prepared."""
    from raytrain.pipeline.reproduce import reproduce as station

    spec = load_job(job, set, profile)
    found = station(spec, visited(spec), ref)
    return Answer(found, found.text)
