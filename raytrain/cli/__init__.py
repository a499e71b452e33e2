"""The commands: parse, call one function, print. Nothing heavy is imported before it is needed."""

from raytrain.cli import catalogue, line, results, submission
from raytrain.cli.app import app

__all__ = ["catalogue", "line", "main", "results", "submission"]


def main() -> None:
    """Run a command."""
    app(prog_name="raytrain")
