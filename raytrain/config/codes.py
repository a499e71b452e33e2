"""Stable codes of errors, for programs that run commands with `--json`."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

Code = Literal[
    "usage", "config", "data", "missing", "damaged", "locked", "storage", "credentials",
    "sent-before", "token", "quota", "kaggle-busy", "kaggle-access", "kaggle-file", "failed",
    "interrupted", "terminated", "internal",
]  # fmt: skip

CODES: dict[Code, tuple[str, str]] = {
    "usage": (
        "the command line has an unknown or wrong command, option or argument",
        "`raytrain COMMAND --help` lists the arguments and options",
    ),
    "config": (
        "the job file or a --set is wrong; path is the key",
        "correct this key; `raytrain schema` lists all keys",
    ),
    "data": (
        "a file of the competition is missing, unreadable or wrong; path is the file",
        "correct the file or its path, then run the same command again",
    ),
    "missing": (
        "a result of an earlier station is missing, because the station has not been run",
        "run this station first; `raytrain run` runs all stations",
    ),
    "damaged": (
        "a file of the run is damaged",
        "restore or delete it, then run the same command again",
    ),
    "locked": ("another process works on this run", "wait for it, then run the same command again"),
    "storage": (
        "the disk or the object storage failed",
        "correct the cause that the problem names, then run the same command again",
    ),
    "credentials": (
        "there are no Kaggle credentials",
        "ask the user for a token, in the environment as KAGGLE_API_TOKEN",
    ),
    "sent-before": ("the same file was sent before", "ask the user; --again sends it again"),
    "token": ("the token of --commit is not valid", "run `raytrain submit --preview` again"),
    "quota": ("the day's submissions are used up", "run it again after 00:00 UTC"),
    "kaggle-busy": ("Kaggle cannot be reached or is busy", "run the same command again later"),
    "kaggle-access": (
        "the competition does not accept this submission now",
        "do what the problem says, then run the same command again",
    ),
    "kaggle-file": ("Kaggle refused the file", "correct the file as Kaggle's answer says"),
    "failed": ("any other mistake or failure", "read the message, then run the same command again"),
    "interrupted": ("Ctrl-C", "run the same command again; it continues"),
    "terminated": ("SIGTERM", "run the same command again; it continues"),
    "internal": ("a fault of raytrain; the traceback is on stderr", "report it with the traceback"),
}
"""Code -> its meaning, and the remedy for messages that name none."""


class CodedError(ValueError):
    """Error about a user's mistake, with one of the codes in `CODES`. `problems` are the lines of
    the message that name one problem each. `facts` are further values for programs."""

    def __init__(
        self,
        code: Code,
        text: str,
        problems: Sequence[str] = (),
        facts: Mapping[str, Any] | None = None,
    ):
        super().__init__(text)
        self.code, self.problems, self.facts = code, tuple(problems), dict(facts or {})

    def __reduce__(self) -> tuple[Any, ...]:
        # For errors that cross processes: subclasses have other arguments.
        return CodedError, (self.code, str(self), self.problems, self.facts)
