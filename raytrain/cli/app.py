"""Shared parts of all commands: their errors and exit codes, and common options."""

import contextlib
import errno
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from raytrain.config.job import JobSpec, Place
from raytrain.config.load import load_job
from raytrain.config.plain import PlainStream
from raytrain.config.secrets import without_password
from raytrain.runs.files import storage_text
from raytrain.runs.layout import RunDir, run_dir
from raytrain.runs.messages import print_messages


class Terminated(KeyboardInterrupt):
    """SIGTERM: the system or a user ends the process."""


def _terminate(number: int, frame: object) -> None:
    del number, frame
    raise Terminated


class _Commands(TyperGroup):
    """Turns a user's mistake, or a failing storage, into a message without a traceback.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted, 143 terminated.
    """

    def invoke(self, ctx):
        signal.signal(signal.SIGTERM, _terminate)
        print_messages()
        with (
            contextlib.redirect_stdout(PlainStream(sys.stdout)),
            contextlib.redirect_stderr(PlainStream(sys.stderr)),
        ):
            return self._ended(ctx)

    def _ended(self, ctx):
        try:
            return super().invoke(ctx)
        except ValueError as error:
            print(f"raytrain: {without_password(str(error))}", file=sys.stderr)
            sys.exit(1)
        except OSError as error:
            if error.errno == errno.EPIPE:  # `raytrain ledger | head`
                raise
            print(f"raytrain: {storage_text(error)}", file=sys.stderr)
            sys.exit(1)
        except KeyboardInterrupt as error:
            terminated = isinstance(error, Terminated)
            how = "terminated" if terminated else "interrupted"
            print(
                f"raytrain: {how}; all work up to the last epoch is saved; run the same command "
                "to continue",
                file=sys.stderr,
            )
            sys.exit(143 if terminated else 130)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="From the raw folder of an image-segmentation competition to a scored leaderboard entry.",
)

JobFile = Annotated[Path, typer.Argument(help="The competition's YAML, such as jobs/cardiac.yaml.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a field: --set trial.optimizer.lr=3e-4 (repeatable)."),
]
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile", help="Name of one of the file's `profiles`; its fields replace the file's."
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust", help="Allow the Python files in extend/ of somebody else's run to be run."
    ),
]
Local = Annotated[
    bool, typer.Option("--local", help="Without Ray, in this process: for debuggers and profilers.")
]


def resolved(
    path: Path, overrides: list[str] | None, profile: str | None, local: bool
) -> tuple[JobSpec, RunDir, Place]:
    """Return the job, its run directory, and where to run."""
    place: Place = "local" if local else "ray"
    spec = load_job(path, overrides, profile).at(place)
    return spec, run_dir(spec), place
