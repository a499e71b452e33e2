"""Commands that score a run's masks and show its results."""

from pathlib import Path
from typing import Annotated

import typer

import raytrain
from raytrain.cli.answer import Answer
from raytrain.cli.app import Overrides, Profile, app
from raytrain.config.load import load_job

PANEL = "The line"


@app.command(rich_help_panel=PANEL)
def evaluate(
    job: Annotated[
        Path | None,
        typer.Argument(help="The competition's YAML; leave it out with --masks and --truth."),
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(help="A folder of predicted masks, to compare with --truth.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="A folder of true masks with the same names.")
    ] = None,
    set: Overrides = None,
    profile: Profile = None,
) -> Answer:
    """Score masks against the truth, and write a CSV. The masks are the ensemble's, a training's,
    or those of any folder."""
    from raytrain.pipeline.evaluate_folders import evaluate_folders
    from raytrain.report.terminal import evaluation_text

    if (masks is None) != (truth is None) or (job is None) != (masks is not None):
        raise typer.BadParameter("give either a job, or --masks and --truth")
    if masks is not None and truth is not None:
        found = evaluate_folders(masks, truth, Path("evaluation.csv"))
        of, classes, sets, file = found.of, found.classes, found.sets, found.file
    else:
        assert job is not None
        scores = raytrain.evaluate(load_job(job, set, profile))
        of, classes, sets, file = scores.of, scores.classes, scores.sets, scores.file
    tables = {
        name: {"images": each.images, "classes": each.rows(classes)} for name, each in sets.items()
    }
    lines = [evaluation_text(name, each, classes) for name, each in sets.items()]
    text = "\n".join([f"masks of {of}", *lines, f"written: {file}"])
    return Answer({"sets": tables, "file": file}, text)


@app.command(rich_help_panel=PANEL)
def report(
    job: Annotated[
        Path | None, typer.Argument(help="The competition's YAML; leave it out with --compare.")
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            help="Folder of all runs, such as runs: write comparison.html, which shows all "
            "studies in it beside their sources."
        ),
    ] = None,
    set: Overrides = None,
    profile: Profile = None,
) -> Answer:
    """Write report.html: one page with the results, which needs no network."""
    from raytrain.pipeline.report import compare_studies
    from raytrain.report.comparison import COLUMNS, as_markdown

    if (job is None) == (compare is None):
        raise typer.BadParameter("give either a job, or --compare with the folder of all runs")
    if compare is not None:
        studies, written = compare_studies(compare)
        rows = [dict(zip(COLUMNS, row, strict=True)) for study in studies for row in study.rows]
        text = f"{as_markdown(studies)}\nwritten: {', '.join(map(str, written))}"
        return Answer({"rows": rows, "written": written}, text)
    assert job is not None
    page = raytrain.report(load_job(job, set, profile))
    return Answer({"report": page}, f"written: {page}")
