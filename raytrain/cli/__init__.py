"""The commands. Each parses its arguments, calls one function and returns the answer. Heavy
libraries are imported late."""

from raytrain.cli import (
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

__all__ = [
    "begin",
    "catalogue",
    "cluster",
    "growing",
    "line",
    "main",
    "prediction",
    "results",
    "scores",
    "submission",
]


def main() -> None:
    """Run a command."""
    app(prog_name="raytrain")
