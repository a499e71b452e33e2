"""The events of a submission. Each event repeats the submission's facts."""

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from raytrain.config.base import FOLDER_NAME, Spec

Kind = Literal["prepared", "queued", "sending", "sent", "scored", "failed"]
"""What happened. `sending` is written before the file is entered. If it is a submission's last
event, only Kaggle's list shows whether the file was entered."""


class Score(Spec):
    """The out-of-fold score with its 95 % interval."""

    mean: float
    low: float
    high: float


class Event(Spec):
    """One event of a submission. Each event repeats the submission's facts."""

    kind: Kind
    tag: str = Field(pattern=FOLDER_NAME)
    """Name of the submission in raytrain, and in the description on Kaggle."""
    step: int = 0
    """Number of earlier events with this tag. No two processes write the same number."""
    time: AwareDatetime
    """Time by the writer's clock; for `sending`, time by Kaggle's clock."""
    competition: str
    run: str | None = Field(pattern=FOLDER_NAME)
    """Name of the run; None for a manual submission, which is known only from Kaggle's list."""
    file: str | None
    """Name of the file to send, in the ledger's folder. The file is never overwritten."""
    sha256: str | None
    rows: int | None
    score: Score | None
    members: tuple[str, ...]
    """Fingerprints of the ensemble's members."""
    commit: str | None = None
    """Commit of the code in the job file's repository, followed by `+` if there are uncommitted
    changes."""
    notebook: str | None = None
    """`owner/name version` if a notebook's file is entered."""
    ref: int | None = None
    """Kaggle's number of the submission. It is set once the submission was entered."""
    public: float | None = None
    private: float | None = None
    rank: int | None = None
    """Rank on the public leaderboard at the time of scoring."""
    reason: str | None = None
    """Why Kaggle refused the submission or could not score it."""

    def later(self, kind: Kind, **news: Any) -> "Event":
        """Return the submission's next event, at the current time."""
        return self.model_copy(
            update={
                "kind": kind, "step": self.step + 1, "time": datetime.now(UTC), "reason": None,
                **news,
            }
        )  # fmt: skip

    def says_the_same_as(self, other: "Event") -> bool:
        """Return whether the events differ only in step and time."""
        return self == other.model_copy(update={"step": self.step, "time": self.time})

    def follows(self, other: "Event") -> bool:
        """Return whether this event judges the entry that `other` records as sent."""
        return other.kind == "sent" and self.kind in ("scored", "failed") and self.ref == other.ref


def latest(events: list[Event]) -> dict[str, Event]:
    """Return tag -> latest event, in the order of the tags' first events.

    The steps decide which event is the latest. The times do not, because the clocks of the writing
    machines may differ.
    """
    found: dict[str, Event] = {}
    for event in events:
        if event.tag not in found or found[event.tag].step < event.step:
            found[event.tag] = event
    return found


def entered(events: list[Event]) -> list[Event]:
    """Return the latest event of every submission that Kaggle accepted."""
    return [event for event in latest(events).values() if event.ref is not None]


def summary(events: list[Event]) -> list[dict[str, str]]:
    """Return one row of text per tag with its latest state, in the order in which the submissions
    were prepared."""
    return [
        {
            "tag": event.tag,
            "state": event.kind,
            "time": f"{event.time.astimezone(UTC):%Y-%m-%d %H:%M}",
            "run": event.run or "by hand",
            "file": (event.sha256 or "")[:8],
            "members": str(len(event.members) or ""),
            "oof": _interval(event.score),
            "ref": "" if event.ref is None else str(event.ref),
            "public": _number(event.public),
            "private": _number(event.private),
            "rank": "" if event.rank is None else str(event.rank),
            "commit": event.commit or "",
            "reason": event.reason or "",
        }
        for event in latest(events).values()
    ]


def _interval(score: Score | None) -> str:
    return "" if score is None else f"{score.mean:.4f} ({score.low:.4f} .. {score.high:.4f})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
