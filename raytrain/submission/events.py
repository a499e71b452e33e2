"""The life of a submission in events, each of which repeats what the submission is."""

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from raytrain.config.base import FOLDER_NAME, Spec

Kind = Literal["prepared", "queued", "sending", "sent", "scored", "failed"]
"""`sending` comes before the file is entered: where it is a submission's last event, only Kaggle's
list tells whether it was entered."""


class Score(Spec):
    """The local out-of-fold score with its confidence interval."""

    mean: float
    low: float
    high: float


class Event(Spec):
    """One step of one submission; each event repeats what the submission is."""

    kind: Kind
    tag: str = Field(pattern=FOLDER_NAME)
    """Names the submission, here and in its description on Kaggle."""
    step: int = 0
    """Number of the tag's events before this one: no two processes write the same."""
    time: AwareDatetime
    """By the writer's clock; of `sending`, by Kaggle's."""
    competition: str
    run: str | None = Field(pattern=FOLDER_NAME)
    """None for what was entered by hand, of which Kaggle's list alone tells."""
    file: str | None
    """Path of the file that is sent; nothing overwrites it."""
    sha256: str | None
    rows: int | None
    score: Score | None
    members: tuple[str, ...]
    """Fingerprints of the ensemble's members."""
    commit: str | None = None
    """Of the code around the job file, with a `+` where it was changed since."""
    notebook: str | None = None
    """`owner/name version` where a notebook's file is entered."""
    ref: int | None = None
    """Kaggle's number of the submission; it was entered when there is one."""
    public: float | None = None
    private: float | None = None
    rank: int | None = None
    """On the public leaderboard when it was scored."""
    reason: str | None = None
    """Why it failed."""

    def later(self, kind: Kind, **news: Any) -> "Event":
        """The same submission's next event, now."""
        return self.model_copy(
            update={
                "kind": kind, "step": self.step + 1, "time": datetime.now(UTC), "reason": None,
                **news,
            }
        )  # fmt: skip

    def says_the_same_as(self, other: "Event") -> bool:
        """Whether it differs in nothing but its step and time."""
        return self == other.model_copy(update={"step": self.step, "time": self.time})

    def follows(self, other: "Event") -> bool:
        """Whether it judges the entry that the other one says was sent."""
        return other.kind == "sent" and self.kind in ("scored", "failed") and self.ref == other.ref


def latest(events: list[Event]) -> dict[str, Event]:
    """Tag -> its latest event, in the order in which they were first written.

    Steps decide, not times: the clocks of the machines that write may differ.
    """
    found: dict[str, Event] = {}
    for event in events:
        if event.tag not in found or found[event.tag].step < event.step:
            found[event.tag] = event
    return found


def entered(events: list[Event]) -> list[Event]:
    """The latest event of every submission that Kaggle took."""
    return [event for event in latest(events).values() if event.ref is not None]


def summary(events: list[Event]) -> list[dict[str, str]]:
    """One row of text per tag with its latest state, in the order they were prepared."""
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
