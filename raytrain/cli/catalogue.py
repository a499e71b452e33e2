"""Commands that list the available names, and export trained networks."""

import json
from pathlib import Path
from typing import Annotated

import typer

from raytrain import __version__
from raytrain.cli.app import Trust, app
from raytrain.config.job import JobSpec

PANEL = "What there is"


@app.command(rich_help_panel=PANEL)
def models(
    network: Annotated[
        str | None, typer.Argument(help="A name, or YAML such as '{name: smp, decoder: fpn}'.")
    ] = None,
) -> None:
    """List the networks, their parameters, the YAML to use them, and their costs."""
    from raytrain.cli.listing import all_costs, model_text, models_text

    if network:
        print(model_text(network))
        return
    print(models_text(), end="\n\n", flush=True)
    for line in all_costs():
        print(line, flush=True)


@app.command(rich_help_panel=PANEL)
def losses() -> None:
    """List the losses, their parameters and the YAML to use them."""
    from raytrain.cli.listing import losses_text

    print(losses_text())


@app.command(rich_help_panel=PANEL)
def metrics() -> None:
    """List the metrics, their parameters and the YAML to use them."""
    from raytrain.cli.listing import metrics_text

    print(metrics_text())


@app.command(rich_help_panel=PANEL)
def export(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint file, such as .../last.pt.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where to, as .pt2 (torch.export) or .onnx; CHECKPOINT.pt2 if not given."
        ),
    ] = None,
    trust: Trust = False,
) -> None:
    """Write a checkpoint's network as a torch.export or ONNX program, checked for parity."""
    from raytrain.engine.export import export_program

    target = out or checkpoint.with_suffix(".pt2")
    difference = export_program(checkpoint, target, trust)
    print(f"written: {target} (probabilities differ by {difference:.1g} at most)")


@app.command(rich_help_panel=PANEL)
def schema() -> None:
    """Print the JSON schema of a job file."""
    print(json.dumps(JobSpec.model_json_schema(), indent=1))


@app.command(rich_help_panel=PANEL)
def version() -> None:
    """Print the version."""
    print(__version__)
