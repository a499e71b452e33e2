"""The meaning of Kaggle's answers, and what the user can do about each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from raytrain.config.codes import Code, CodedError

NEXT_STEPS = {
    400: "if today's submissions are used up, run again after 00:00 UTC; else correct the file",
    401: "make a new token; KAGGLE_API_TOKEN and ~/.kaggle/access_token take precedence over a key",
    403: "join and accept the rules at https://www.kaggle.com/competitions/{slug}/rules, and check "
    "competition.submission.slug: a misspelled slug gets the same answer",
    404: "there is no such competition; correct competition.submission.slug ({slug})",
    429: "too many requests; wait some minutes, then run the same command again",
}
OTHERWISE = "run the same command again later"

Cause = Literal["passing", "access", "file"]
"""What a refusal is about. `passing`: a temporary problem, such as a busy server. `access`: the
user's access to the competition. `file`: this file alone."""

State = Literal["pending", "complete", "error"]


@dataclass(frozen=True)
class Entry:
    """One entry of Kaggle's list of submissions."""

    ref: int
    date: datetime
    """Time of the entry, UTC."""
    file: str
    size: int
    """Number of bytes of the file; 0 if Kaggle does not state it."""
    description: str
    state: State
    error: str
    """Why Kaggle could not score the entry."""
    public: float | None
    private: float | None


@dataclass(frozen=True)
class Listed:
    """Kaggle's list of a team's submissions, and the time of the list."""

    now: datetime
    """UTC by Kaggle's clock, which is the same for every machine."""
    entries: tuple[Entry, ...]
    """Entries, newest first."""

    def tagged(self, tag: str) -> Entry | None:
        """Return the entry whose description contains the tag, or None."""
        return next((entry for entry in self.entries if tag in entry.description), None)


@dataclass(frozen=True)
class Uploaded(Listed):
    """A file that was uploaded to Kaggle but not entered, and Kaggle's list after the upload."""

    token: str
    """Kaggle's name of the upload; empty if a notebook's file is entered."""


@dataclass(frozen=True)
class Standing(Listed):
    """The state of a competition: what it allows, and the team's entries and rank."""

    deadline: datetime | None
    """Last time of submission, UTC; None without a deadline."""
    entered: bool
    """Whether the team has accepted the rules."""
    notebooks_only: bool
    closed: bool
    used_today: int
    """Number of valid submissions since 00:00 UTC."""
    used_ever: int
    left_now: int
    limited_by_total: bool
    """Whether the limit on all submissions of a team is reached, and not only the daily limit."""
    rank: int | None
    """The team's rank on the public leaderboard; None without a scored submission."""


@dataclass(frozen=True)
class Accepted:
    """Kaggle accepted the submission."""

    ref: int


@dataclass(frozen=True)
class Refused:
    """The answer that Kaggle refused the submission, with the reason and what to do."""

    reason: str
    cause: Cause


@dataclass(frozen=True)
class Unknown:
    """No answer arrived, so Kaggle may or may not have accepted the submission."""

    reason: str


REFUSALS: dict[Cause, Code] = {
    "passing": "kaggle-busy", "access": "kaggle-access", "file": "kaggle-file",
}  # fmt: skip


class RefusedError(CodedError):
    """Kaggle refused a request. The message gives the reason and what to do."""

    def __init__(self, reason: str, cause: Cause, problems: Sequence[str] = ()):
        super().__init__(REFUSALS[cause], reason, problems)
        self.cause = cause


def cause_of(status: int | None, connected: bool) -> Cause:
    """Return what a refusal is about. It follows from the status of Kaggle's answer, and from
    whether Kaggle was reached."""
    if status is None:
        return "access" if connected else "passing"
    if status in (408, 425, 429) or status >= 500:
        return "passing"
    return "access" if status in (401, 403, 404) else "file"


def explained(status: int | None, text: str, slug: str, retry_after: str | None = None) -> str:
    """Return the text of an error, and the next step. If there is a status, the text is Kaggle's
    own."""
    said = f"Kaggle answered {status}: " if status else ""
    step = NEXT_STEPS.get(status or 0, OTHERWISE).format(slug=slug)
    if retry_after:
        step = f"wait {retry_after} s, as Kaggle asks, then run the same command again"
    return f"{said}{text}; {step}"
