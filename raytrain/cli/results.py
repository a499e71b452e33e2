"""Commands that show the results of a run. They load neither torch nor Ray."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from raytrain.cli.answer import Answer
from raytrain.cli.app import Trust, app
from raytrain.config.codes import CodedError
from raytrain.config.load import load_job
from raytrain.runs.extensions import refuse_foreign
from raytrain.runs.layout import RunDir
from raytrain.runs.lock import visited

PANEL = "What there is"

A_RUN = "the folder of a run, such as runs/<competition>/<run>, or its job's YAML"
Run = Annotated[Path, typer.Argument(help="A run's folder, or its job's YAML.")]


@app.command(rich_help_panel=PANEL)
def leaderboard(
    run: Run,
    sort: Annotated[
        str | None,
        typer.Option(
            help="Sort by a column or a field such as optimizer.lr; a leading - reverses it."
        ),
    ] = None,
    filter: Annotated[
        list[str] | None,
        typer.Option(
            "--filter", help="Show only those with model.name=unet_a, val_score>0.8 (repeatable)."
        ),
    ] = None,
    best_per: Annotated[
        str | None,
        typer.Option(
            help="Show only the best configuration for each value of a field, such as model.name."
        ),
    ] = None,
    diff: Annotated[
        tuple[str, str] | None,
        typer.Option(
            help="Show the fields in which two configurations differ, by name or fingerprint."
        ),
    ] = None,
    trust: Trust = False,
) -> Answer:
    """Show a search's configurations, best first, and rewrite leaderboard.csv."""
    from raytrain.pipeline.leaderboard_view import board, difference

    if diff and (sort or filter or best_per):
        raise typer.BadParameter("--diff cannot be used with --sort, --filter or --best-per")
    place = _run(run, trust)
    if diff:
        differing = difference(place, *diff)
        return Answer(differing, differing.text)
    found = board(place, sort, filter or [], best_per)
    return Answer({"rows": found.rows, "file": place.leaderboard}, found.text)


@app.command(rich_help_panel=PANEL)
def compare(
    run: Run,
    a: Annotated[str, typer.Argument(help="A configuration or trial, by name or fingerprint.")],
    b: Annotated[str, typer.Argument(help="The configuration or trial to compare it with.")],
    other: Annotated[
        Path | None, typer.Option(help="The run of B, if B is from another run.")
    ] = None,
    trust: Trust = False,
) -> Answer:
    """Test whether two configurations differ, with a paired test over groups (patients) and
    seeds."""
    from raytrain.search.compare import compare as station
    from raytrain.search.compare import comparison_text

    place = _run(run, trust)
    found = station(place, a, _run(other, trust) if other else place, b)
    return Answer(found, comparison_text(found))


@app.command(rich_help_panel=PANEL)
def watch(
    run: Run,
    port: Annotated[int, typer.Option(help="Port on this machine; 0 takes a free one.")] = 8266,
    trust: Trust = False,
) -> Answer:
    """Serve the report as a live page for this machine alone, also while a search runs."""
    from raytrain.pipeline.watch import server

    if run.is_dir() and not RunDir(run).data_report.is_file():
        raise ValueError(
            f"{run}: not the folder of a run, because it has no data.json; give {A_RUN}"
        )
    with server(_run(run, trust), port) as serving:
        print(f"{serving.address} shows {run}; Ctrl-C ends it", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            serving.serve_forever()
        return Answer({"address": serving.address})


@app.command(rich_help_panel=PANEL)
def suspects(run: Run, trust: Trust = False) -> Answer:
    """List the labels that the out-of-fold ensemble contradicts most, with a picture."""
    from raytrain.pipeline.suspects import suspects as station
    from raytrain.pipeline.suspects import suspects_text

    found = station(_run(run, trust))
    result = {
        "suspects": found.listed[["id", "score"]].to_dict("records"),
        "compared": len(found.labels),
        "unseen": found.unseen,
        "exclude": found.exclude,
        "kept": found.kept,
        "written": [found.sheet, found.table],
    }
    return Answer(result, suspects_text(found))


@app.command(rich_help_panel=PANEL)
def pull(
    url: Annotated[str, typer.Argument(help="The run, such as s3://bucket/runs/cardiac/default.")],
    to: Annotated[
        Path | None, typer.Option(help="The folder to copy to; default: runs/<competition>/<run>.")
    ] = None,
) -> Answer:
    """Bring a run home from object storage, with its weights."""
    from raytrain.pipeline.pull import pull as station

    return Answer({"run": station(url, to).path})


def _run(path: Path, trust: bool) -> RunDir:
    """Return the run. Raises ValueError if there is none, or if its folder has Python files that
    may run only with `trust`."""
    if not path.exists():
        raise CodedError("missing", f"{path}: no such run; give {A_RUN}")
    if not path.is_dir():
        return visited(load_job(path))
    run = RunDir(path.absolute())
    if not trust:
        refuse_foreign(run)
    return run
