"""The commands that need no YAML: `fetch` downloads a competition, and `init` writes the YAML of a
folder."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import raytrain
from raytrain.cli.answer import Answer, problem_of
from raytrain.cli.app import JobFile, Overrides, Profile, app
from raytrain.config.codes import CodedError
from raytrain.config.errors import without_numbers
from raytrain.config.load import load_job
from raytrain.runs.messages import say

if TYPE_CHECKING:
    from raytrain.pipeline.draft import Draft

PANEL = "The line"


@app.command(rich_help_panel=PANEL)
def fetch(job: JobFile, set: Overrides = None, profile: Profile = None) -> Answer:
    """Download and unpack a Kaggle competition into competition.data."""
    from raytrain.pipeline.fetch import fetch as station

    spec = load_job(job, set, profile)
    folder = station(spec, Path(spec.competition.data))
    return Answer({"folder": folder}, f"fetched: {folder}")


@app.command(rich_help_panel=PANEL)
def init(
    folder: Annotated[str, typer.Argument(help="The competition's folder or .zip, as unpacked.")],
    sample: Annotated[
        Path | None, typer.Option(help="The sample submission, if it is not in the folder.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The YAML to write; default: <folder's name>.yaml.")
    ] = None,
) -> Answer:
    """Look at an unknown folder, and write the YAML of its competition with a reason for each
    line."""
    from raytrain.pipeline.init import draft_text

    found = raytrain.init(folder, sample, out)
    draft, path = found.draft, found.path
    text = draft_text(draft, path)
    result = {"job": path, "questions": draft.questions, "data": draft.report}
    if draft.problems:
        lines = without_numbers(draft.problems)
        problems = tuple(problem_of("data", line) for line in lines)
        message = f"correct the data, then run `raytrain check {path}`"
        return Answer(result, text, 1, message, problems)
    following, more = f"raytrain run {path}", " (add --local to run without Ray)"
    if draft.report is not None and not draft.report.ids("test"):
        following = f"write into {path} where the test images are, then run `raytrain check {path}`"
        more = ""
    return Answer({**result, "next": following}, f"{text}\nnext: {following}{more}")


def begun(path: Path) -> tuple[Path, "Draft | None"]:
    """Return the job file. For a folder or a .zip, the job file is written first, unless an earlier
    one exists.

    Raises ValueError when the folder's data have problems.
    """
    if not path.is_dir() and path.suffix.lower() != ".zip":
        return path, None
    from raytrain.pipeline.init import draft_text, file_of
    from raytrain.pipeline.init import init as station

    if (before := file_of(str(path))) is not None:
        say(f"continuing with {before}, which was written for this folder before")
        return before, None
    draft, written = station(str(path), None, None)
    text = draft_text(replace(draft, report=None), written)  # the run shows the data
    if draft.problems:
        raise CodedError("data", text, draft.problems)
    say(text)
    return written, draft
