"""The commands of the pipeline: one per station, and those that chain them."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import raytrain
from raytrain.cli.answer import Answer, problem_of
from raytrain.cli.app import JobFile, Local, Overrides, Profile, app, place_of, resolved, typed
from raytrain.cli.begin import begun
from raytrain.config.load import load_job
from raytrain.data.working import working
from raytrain.runs.files import write_bytes
from raytrain.runs.layout import RunDir, run_dir
from raytrain.runs.messages import counted
from raytrain.runs.mirror import send

PANEL = "The line"
EXAMPLES = Path(__file__).parents[1] / "jobs"
"""Jobs that come with the package."""


@app.command(rich_help_panel=PANEL)
def check(job: JobFile, set: Overrides = None, profile: Profile = None) -> Answer:
    """Read all data once, list every problem, and save data.json and folds.json."""
    spec = load_job(job, set, profile)
    with working(f"check of {spec.competition.data}"):  # imports take seconds
        from raytrain.data.folds import fold_notes
        from raytrain.pipeline.data_text import summary
    found = raytrain.check(spec)
    notes = fold_notes(found.folds, found.report)
    written = found.paths.data_report, found.paths.folds, found.paths.contact_sheet
    result = {"data": found.report, "folds": len(found.folds.val_ids), "fold_notes": notes}
    text = "\n  ".join([summary(found.report), *notes])
    text += f"\nwritten: {', '.join(map(str, written))}"
    following = typed("raytrain run", job, set, profile)
    return Answer({**result, "written": written}, f"{text}\nno problem; next: {following}")


@app.command(rich_help_panel=PANEL)
def train(
    job: JobFile, set: Overrides = None, profile: Profile = None, local: Local = False
) -> Answer:
    """Train the job's trial once, with the val split or the first fold held out."""
    record = raytrain.train(load_job(job, set, profile), place_of(local))
    best = f"best val Dice {record.best['val_dice']:.4f}, " if record.best else ""
    text = (
        f"{record.name}: {best}{counted(record.epochs, 'epoch')}, fingerprint {record.fingerprint}"
    )
    return Answer(record, text)


@app.command(rich_help_panel=PANEL)
def probe(
    job: JobFile, set: Overrides = None, profile: Profile = None, local: Local = False
) -> Answer:
    """Measure the largest batches for training and prediction that fit into a worker's memory."""
    from raytrain.pipeline.probe import probe as station
    from raytrain.pipeline.probe import probe_text
    from raytrain.pipeline.run import opened

    with opened(*resolved(job, set, profile, local), "train") as run:
        found = station(run)
    return Answer(found, probe_text(found))


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
            help="Only test whether every value of every factor can be built and trained for a "
            "few steps.",
        ),
    ] = False,
) -> Answer:
    """Search models, losses and rates with early stopping; writes leaderboard.csv."""
    from raytrain.pipeline.report import report as write_report
    from raytrain.pipeline.run import opened
    from raytrain.report.study_results import study_table
    from raytrain.report.study_text import study_text, write_study
    from raytrain.report.terminal import leaderboard_table
    from raytrain.search.leaderboard import figures
    from raytrain.search.smoke import smoke as smoke_test
    from raytrain.submission.ledger import ledger_of

    spec, folder, place = resolved(job, set, profile, local)
    if smoke:
        with opened(spec, folder, place) as run:
            smoked = smoke_test(run)
        return Answer(smoked, smoked.text)
    found = raytrain.search(spec, place)
    write_bytes(folder.command, f"{shlex.join(['raytrain', *sys.argv[1:]])}\n".encode())
    send(folder.command)
    result = {"leaderboard": figures(found.board), "file": folder.leaderboard}
    text = leaderboard_table(found.board)
    if study := study_table(folder):
        write_study(folder, study)
        page = write_report(folder, ledger_of(spec, folder))
        result |= {"study": folder.study, "report": page}
        text += f"\n{study_text(study)}\nwritten: {folder.study}, {folder.figures}, {page}"
    return Answer(result, text)


@app.command(rich_help_panel=PANEL)
def cv(
    job: JobFile, set: Overrides = None, profile: Profile = None, local: Local = False
) -> Answer:
    """Train the best configurations on all folds; writes out-of-fold maps to oof/."""
    from raytrain.pipeline.cv import candidate_recipes
    from raytrain.pipeline.cv import cv as station
    from raytrain.pipeline.run import opened

    with opened(*resolved(job, set, profile, local), "cv") as run:
        folds = station(run, candidate_recipes(run))
    count, path = len(folds.val_ids), run.folder.oof
    text = f"out-of-fold maps of {counted(count, 'fold')}: {path}"
    return Answer({"folds": count, "maps": path}, text)


@app.command(rich_help_panel=PANEL)
def finalize(
    job: JobFile, set: Overrides = None, profile: Profile = None, local: Local = False
) -> Answer:
    """Choose the ensemble out of fold and train it; writes its masks and submission.csv."""
    from raytrain.pipeline.run import finish, opened

    with opened(*resolved(job, set, profile, local), "final") as run:
        finish(run)
    return Answer(_ensemble(run.folder), f"submission: {run.folder.submission}")


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
) -> Answer:
    """Add teammates' maps to the ensemble, or remove them; updates score, masks and CSV."""
    from raytrain.pipeline.ensemble import ensemble as station
    from raytrain.pipeline.run import opened

    with opened(*resolved(job, set, profile, local), "final") as run:
        better = station(run, add or [], remove or [])
    text = f"submission: {run.folder.submission}"
    if better is not None:
        gain = f"P(better than before) = {better:.2f}, out of fold, over paired draws of groups"
        text = f"{gain}\n{text}"
    return Answer({**_ensemble(run.folder), "better_than_before": better}, text)


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
) -> Answer:
    """Run the whole pipeline, from the folder to the checked CSV; run it again to continue.

    With a folder or a .zip in place of the YAML, `init` writes the YAML first.
    """
    from raytrain.pipeline.init import keep_report
    from raytrain.search.leaderboard import figures

    path, draft = begun(job)
    given = [f"budget={budget}"] if budget is not None else []
    spec, folder, place = resolved(path, [*(set or []), *given], profile, local)
    if draft is not None:
        keep_report(draft, spec, folder)
    found = raytrain.run(spec, place)
    board = figures(found.board)
    result = {**_ensemble(found.paths), "leaderboard": board, "submission": found.submission}
    return Answer({**result, "job": path, "report": found.paths.report})


@app.command(rich_help_panel=PANEL)
def demo(
    job: Annotated[
        Path,
        typer.Argument(help="A changed copy of jobs/phantom.yaml; not given: the package's own."),
    ] = EXAMPLES / "phantom.yaml",
    set: Overrides = None,
) -> Answer:
    """Run the whole pipeline on a small synthetic competition with known test masks."""
    from raytrain.pipeline.demo import demo as station

    spec = load_job(job, set, None)
    found = station(spec, run_dir(spec))
    if not found.shortfalls:
        return Answer(found)
    problems = tuple(problem_of("failed", line) for line in found.shortfalls)
    return Answer(found, "", 1, f"demo failed: {'; '.join(found.shortfalls)}", problems)


def _ensemble(folder: RunDir) -> dict[str, Any]:
    """Return the score of the run's ensemble, its description and its files."""
    from raytrain.runs.ensemble import read_ensemble

    found = read_ensemble(folder)
    keys = ("metric", "score", "low", "high", "images")
    return {
        **{key: found.oof[key] for key in keys},
        "ensemble": found.text,
        "run": folder.path,
        "csv": folder.submission,
        "masks": folder.masks,
    }
