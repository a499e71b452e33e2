"""Commands that list the available names, and export trained networks."""

import json
from pathlib import Path
from typing import Annotated

import typer

from raytrain import __version__
from raytrain.cli.answer import Answer
from raytrain.cli.app import Trust, app
from raytrain.config.job import JobSpec

PANEL = "What there is"


@app.command(rich_help_panel=PANEL)
def models(
    network: Annotated[
        str | None, typer.Argument(help="A name, or YAML such as '{name: smp, decoder: fpn}'.")
    ] = None,
) -> Answer:
    """List the networks, their parameters, the YAML to use them, and their costs."""
    from raytrain.cli import listing

    found = listing.network(network) if network else listing.with_costs(listing.networks())
    return Answer(found, found.text)


@app.command(rich_help_panel=PANEL)
def losses() -> Answer:
    """List the losses, their parameters and the YAML to use them."""
    from raytrain.cli import listing

    found = listing.losses()
    return Answer(found, found.text)


@app.command(rich_help_panel=PANEL)
def metrics() -> Answer:
    """List the metrics, their parameters and the YAML to use them."""
    from raytrain.cli import listing

    found = listing.metrics()
    return Answer(found, found.text)


@app.command(rich_help_panel=PANEL)
def export(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint file, such as .../last.pt.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file to write, .pt2 (torch.export) or .onnx; CHECKPOINT.pt2 if not given."
        ),
    ] = None,
    trust: Trust = False,
) -> Answer:
    """Write a checkpoint's network as a torch.export or ONNX program, and check that both give the
    same output."""
    from raytrain.engine.export import export_program

    target = out or checkpoint.with_suffix(".pt2")
    difference = export_program(checkpoint, target, trust)
    text = (
        f"written: {target} (its probabilities differ from the checkpoint's by "
        f"{difference:.1g} at most)"
    )
    return Answer({"file": target, "difference": difference}, text)


@app.command(rich_help_panel=PANEL)
def schema() -> Answer:
    """Print the JSON schema of a job file."""
    found = JobSpec.model_json_schema()
    return Answer(found, json.dumps(found, indent=1))


@app.command(rich_help_panel=PANEL)
def version() -> Answer:
    """Print the version."""
    return Answer({"version": __version__}, __version__)
