"""The commands that need no YAML yet: fetch a competition, and write the YAML of a folder."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from raytrain.cli.app import JobFile, Overrides, Profile, app
from raytrain.config.load import load_job

if TYPE_CHECKING:
    from raytrain.pipeline.draft import Draft

PANEL = "The line"


@app.command(rich_help_panel=PANEL)
def fetch(job: JobFile, set: Overrides = None, profile: Profile = None) -> None:
    """Download and unpack a Kaggle competition into competition.data."""
    from raytrain.pipeline.fetch import fetch as station

    spec = load_job(job, set, profile)
    print(f"fetched: {station(spec, Path(spec.competition.data))}")


@app.command(rich_help_panel=PANEL)
def init(
    folder: Annotated[str, typer.Argument(help="The competition's folder or .zip, as unpacked.")],
    sample: Annotated[
        Path | None, typer.Option(help="The sample submission, if it is not in the folder.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The YAML to write; default: <folder's name>.yaml.")
    ] = None,
) -> None:
    """Look at an unknown folder, and write the YAML of its competition with a reason for each
    line."""
    from raytrain.pipeline.init import draft_text
    from raytrain.pipeline.init import init as station

    draft, path = station(folder, sample, out)
    print(draft_text(draft, path))
    if draft.problems:
        sys.exit(1)
    if draft.report is not None and not draft.report.ids("test"):
        print(f"next: write where the test images are, then raytrain check {path}")
    else:
        print(f"next: raytrain run {path}")


def begun(path: Path) -> tuple[Path, "Draft | None"]:
    """Return a job's file; for a folder or a .zip, write it first, or continue with the one that
    was written before.

    Raises ValueError when the folder's data have problems.
    """
    if not path.is_dir() and path.suffix.lower() != ".zip":
        return path, None
    from raytrain.pipeline.init import draft_text, file_of
    from raytrain.pipeline.init import init as station

    if (before := file_of(str(path))) is not None:
        print(f"continuing with {before}, which is for this folder")
        return before, None
    draft, written = station(str(path), None, None)
    text = draft_text(draft, written)
    if draft.problems:
        raise ValueError(text)
    print(text)
    return written, draft
