"""What was prepared and sent: JSON lines that are only ever added to, one event a line.

A line counts once its line end is on disk; a torn last one (killed while writing) is passed over
by readers and cut off by the next append.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout
from pydantic import AwareDatetime, ValidationError

from raytrain.config.base import Spec
from raytrain.runs.files import append_line, read_lines

Kind = Literal["prepared", "queued", "sending", "sent", "scored", "failed"]
"""`sending` stands before the file goes out: where it is a submission's last word, only Kaggle's
list knows whether it was entered."""


class Score(Spec):
    """The local out-of-fold score with its confidence interval."""

    mean: float
    low: float
    high: float


class Event(Spec):
    """One step of one submission; each event repeats what the submission is."""

    kind: Kind
    tag: str
    """Names the submission, here and in its description on Kaggle."""
    time: AwareDatetime
    competition: str
    run: str | None
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
            update={"kind": kind, "time": datetime.now(UTC), "reason": None, **news}
        )


def read_ledger(path: Path) -> list[Event]:
    """All whole events, oldest first. Raises ValueError that names the line that is none."""
    events = []
    for number, line in enumerate(read_lines(path), 1):
        try:
            events.append(Event.model_validate_json(line))
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            where = ".".join(map(str, fault["loc"])) or "the line"
            raise ValueError(
                f"{path}, line {number}: not an event: {where}: {fault['msg']}; "
                "restore the line from a copy, or move the file away"
            ) from None
    return events


def latest(events: list[Event]) -> dict[str, Event]:
    """Tag -> its latest event, in the order in which they were first written."""
    return {event.tag: event for event in events}


def append_event(path: Path, event: Event) -> None:
    """Add one event and bring it to disk."""
    with _locked(path):
        _append(path, event)


def append_news(path: Path, event: Event) -> None:
    """Add an event that may be known: unless it says what the tag's latest says."""
    with _locked(path):
        known = latest(read_ledger(path)).get(event.tag)
        if known is None or known.model_copy(update={"time": event.time}) != event:
            _append(path, event)


def prepare(path: Path, event: Event) -> Event:
    """Add a `prepared` event unless its tag stands there; returns the tag's latest event."""
    with _locked(path):
        known = latest(read_ledger(path)).get(event.tag)
        if known is None:
            _append(path, event)
        return known or event


def entered(events: list[Event]) -> list[Event]:
    """The latest event of every submission that Kaggle took."""
    return [event for event in latest(events).values() if event.ref is not None]


@contextmanager
def sending(path: Path) -> Iterator[None]:
    """Only one process at a time sends what this ledger holds. Raises ValueError to the second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path.with_name(".sending.lock"), timeout=0):
            yield
    except Timeout:
        raise ValueError(
            f"{path.parent}: another raytrain process is sending; run again when it is done"
        ) from None


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


def _locked(path: Path) -> FileLock:
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path.with_name(f".{path.name}.lock"))


def _append(path: Path, event: Event) -> None:
    # ASCII, so that a line torn anywhere leaves a file that still reads as text.
    append_line(path, json.dumps(event.model_dump(mode="json"), allow_nan=False))
