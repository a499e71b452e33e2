"""The commands. Each parses its arguments, calls one function and returns the answer. Heavy
libraries are imported late."""

from raytrain.cli import (  # noqa: F401  each module adds its commands to `app`
    begin,
    catalogue,
    cluster,
    growing,
    line,
    prediction,
    results,
    scores,
    submission,
)
from raytrain.cli.app import app


def main() -> None:
    """Run the command on this process's command line, and exit with its exit code."""
    app(prog_name="raytrain")
