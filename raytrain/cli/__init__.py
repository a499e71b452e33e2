"""The commands: parse arguments, call one function, print. Heavy libraries are imported late."""

from raytrain.cli import begin, catalogue, line, prediction, results, submission
from raytrain.cli.app import app

__all__ = ["begin", "catalogue", "line", "main", "prediction", "results", "submission"]


def main() -> None:
    """Run a command."""
    app(prog_name="raytrain")
