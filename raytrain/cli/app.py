"""Shared parts of all commands: how answers and errors are shown, and common options.

Each command returns an `Answer`. Only this module turns an answer into text or JSON.
"""

import contextlib
import errno
import shlex
import signal
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from raytrain.cli.answer import failure, json_text
from raytrain.config.codes import Code
from raytrain.config.job import JobSpec, Place
from raytrain.config.load import load_job
from raytrain.config.plain import PlainStream
from raytrain.runs.layout import RunDir, run_dir
from raytrain.runs.messages import print_messages, show_details

VERBOSE = "--verbose"


class Terminated(KeyboardInterrupt):
    """Raised by SIGTERM: the system or a user ends the process."""


CONTINUE = "all work up to the last epoch is saved; run the same command to continue"


class _Commands(TyperGroup):
    """Shows the answer of a command. A user's mistake or a failing storage is shown as a message
    without a traceback.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted, 143 terminated.
    """

    def __init__(self, **attributes):
        super().__init__(**attributes)
        for command in every_command(self).values():
            command.params.append(_json_option())

    def parse_args(self, ctx, args):
        # `--verbose` may be the first or the last word.
        return super().parse_args(ctx, sorted(args, key=lambda word: word != VERBOSE))

    def invoke(self, ctx):
        self._terminated = False
        signal.signal(signal.SIGTERM, self._terminate)
        words = [*ctx.args, "--"]
        as_json = "--json" in words[: words.index("--")] and "--help" not in words
        warnings, out = print_messages(), sys.stdout
        with (
            contextlib.redirect_stdout(PlainStream(sys.stderr if as_json else out)),
            contextlib.redirect_stderr(PlainStream(sys.stderr)),
        ):
            answer = self._any_answer(ctx) if as_json else self._answer(ctx)
            if answer.text and not as_json:
                print(answer.text, flush=True)
            if answer.message:
                print(f"raytrain: {answer.message}", file=sys.stderr)
        if as_json:
            print(json_text(ctx.invoked_subcommand or "", answer, warnings), file=out, flush=True)
        if answer.exit_code:
            sys.exit(answer.exit_code)

    def _answer(self, ctx):
        try:
            return super().invoke(ctx)
        except ValueError as error:
            return failure(error, getattr(error, "code", "failed"), 1)
        except OSError as error:
            if error.errno == errno.EPIPE:  # `raytrain ledger | head`
                raise
            return failure(error, "storage", 1)
        except KeyboardInterrupt:
            # While Ray waits, it raises its own KeyboardInterrupt in place of `Terminated`.
            code: Code = "terminated" if self._terminated else "interrupted"
            number = 143 if self._terminated else 130
            return failure(KeyboardInterrupt(f"{code}; {CONTINUE}"), code, number)

    def _terminate(self, number, frame):
        self._terminated = True
        raise Terminated

    def _any_answer(self, ctx):
        """Return an answer for every error, because a program waits for an answer."""
        try:
            return self._answer(ctx)
        except TyperException as error:
            return failure(ValueError(error.format_message()), "usage", error.exit_code)
        except Exception as error:
            traceback.print_exc()
            return failure(ValueError(f"{type(error).__name__}: {error}"), "internal", 1)


def every_command(group: Any) -> dict[str, Any]:
    """Return all commands of a group by the words to type, such as `check` and `jobs list`."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        below = every_command(command) if isinstance(command, TyperGroup) else {"": command}
        found |= {f"{name} {words}".rstrip(): each for words, each in below.items()}
    return found


def _json_option():
    """Return the option `--json`, which every command has. The option is read before the command
    line is parsed, so that wrong usage is answered as JSON, too."""
    made = typer.Typer(add_completion=False)

    @made.command()
    def command(
        json: Annotated[
            bool, typer.Option("--json", help="Print one JSON object; progress goes to stderr.")
        ] = False,
    ) -> None:
        del json

    option = typer.main.get_command(made).params[0]
    option.expose_value = False
    return option


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="From the raw folder of an image-segmentation competition to a scored leaderboard entry.",
)


@app.callback()
def options(
    verbose: Annotated[
        bool, typer.Option(VERBOSE, help="Print every epoch of every training.")
    ] = False,
) -> None:
    """Apply the options that every command has and that are written before its name."""
    if verbose:
        show_details()


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


def place_of(local: bool) -> Place:
    """Return `local`, which is this process, or `ray`."""
    return "local" if local else "ray"


def resolved(
    path: Path, overrides: list[str] | None, profile: str | None, local: bool
) -> tuple[JobSpec, RunDir, Place]:
    """Return the job, its run directory, and the place where the job runs."""
    place = place_of(local)
    spec = load_job(path, overrides, profile).at(place)
    return spec, run_dir(spec), place


def typed(command: str, path: Path, overrides: list[str] | None, profile: str | None) -> str:
    """Return the line to type for a command on the same job with the same options."""
    chosen = ["--profile", profile] if profile else []
    changed = [word for override in overrides or () for word in ("--set", override)]
    return shlex.join([*command.split(), str(path), *chosen, *changed])
