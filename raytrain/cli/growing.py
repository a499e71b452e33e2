"""The command that writes augmented images."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from raytrain.cli.answer import Answer
from raytrain.cli.app import JobFile, Overrides, Profile, app
from raytrain.config.load import load_job
from raytrain.runs.lock import visited

PANEL = "The line"


@app.command(rich_help_panel=PANEL)
def augment(
    job: JobFile,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the drawn data set; it must be new or empty.")
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of pairs to draw; if not given, trial.copies of each image."
        ),
    ] = None,
    originals: Annotated[
        Literal["in", "out"],
        typer.Option(help="in: write the training images, too; out: write only augmented pairs."),
    ] = "out",
    preview: Annotated[
        bool,
        typer.Option(
            "--preview", help="Only draw augmentation.png: images before and after augmentation."
        ),
    ] = False,
    set: Overrides = None,
    profile: Profile = None,
) -> Answer:
    """Write augmented training pairs as a data set, or draw a picture of some images before and
    after augmentation."""
    from raytrain.pipeline.augment import augment as station
    from raytrain.pipeline.augment import preview as draw

    if preview == (out is not None):
        raise typer.BadParameter("give either --out, or --preview")
    spec = load_job(job, set, profile)
    run = visited(spec)
    if out is None:
        picture = draw(spec, run)
        return Answer({"picture": picture}, f"written: {picture}")
    grown = station(spec, run, out, count, originals)
    return Answer(grown, grown.text)
