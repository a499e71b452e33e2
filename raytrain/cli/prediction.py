"""Commands that use a finished ensemble on new images."""

from pathlib import Path
from typing import Annotated, get_args

import typer

import raytrain
from raytrain.cli.answer import Answer
from raytrain.cli.app import Trust, app

PANEL = "New images"


@app.command(rich_help_panel=PANEL)
def predict(
    images: Annotated[
        list[str], typer.Argument(help="Files, folders, quoted patterns, or stacks.")
    ],
    source: Annotated[
        Path,
        typer.Option("--with", help="A run's folder, a bundle (folder or zip), or a .pt file."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the masks.")] = Path("predictions"),
    probabilities: Annotated[
        bool,
        typer.Option(
            "--probabilities",
            help="Also write the probabilities as NAME.npy: classes x height x width.",
        ),
    ] = False,
    overlay: Annotated[
        bool,
        typer.Option("--overlay", help="Also write NAME_overlay.png: the image with its mask."),
    ] = False,
    csv: Annotated[
        bool,
        typer.Option("--csv", help="Also write submission.csv in the dialect of the run's job."),
    ] = False,
    trust: Trust = False,
) -> Answer:
    """Predict the masks of new images with the whole ensemble, and write each as NAME.png."""
    from raytrain.pipeline.predict_new import Extra

    asked = {"probabilities": probabilities, "overlay": overlay, "csv": csv}
    extras = [each for each in get_args(Extra) if asked[each]]
    return Answer(raytrain.predict(images, source, out, extras, trust=trust))


@app.command(rich_help_panel=PANEL)
def bundle(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    out: Annotated[
        Path | None, typer.Option(help="The folder or .zip to write; RUN/bundle.zip if not given.")
    ] = None,
    notebook: Annotated[
        bool,
        typer.Option(
            "--notebook",
            help="Also write predict.ipynb and wheels.txt, for competitions with a hidden test.",
        ),
    ] = False,
    trust: Trust = False,
) -> Answer:
    """Write the ensemble as one folder or zip that can predict on any machine, without the run."""
    from raytrain.pipeline.bundle import bundle as station
    from raytrain.pipeline.notebook import MARKS, write_notebook

    content, path = station(run, out, trust, MARKS if notebook else {})
    beside = write_notebook(content, path if path.is_dir() else path.parent) if notebook else []
    text = f"written: {path}"
    text += f"\nwritten: {', '.join(map(str, beside))}" if beside else ""
    if beside and not content.tests:
        text += (
            f"\n{beside[0]}: labeled and test images share a folder: set IMAGES in its first cell"
        )
    return Answer({"bundle": path, "beside": beside}, text)
