"""What was prepared and sent: JSON lines that are only ever added to, one event a line.

A line counts once its line end is on disk; a torn last one (killed while writing) is passed over
by readers and cut off by the next append.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pydantic import AwareDatetime, ValidationError

from raytrain.config.base import Spec
from raytrain.runs.files import append_line, read_lines

Kind = Literal["prepared", "sent", "scored", "failed"]


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
    run: str
    file: str
    """Path of the file that is sent; nothing overwrites it."""
    sha256: str
    rows: int
    score: Score | None
    members: tuple[str, ...]
    """Fingerprints of the ensemble's members."""
    ref: int | None = None
    """Kaggle's number of the submission."""
    public: float | None = None
    private: float | None = None
    reason: str | None = None
    """Why it failed."""

    def later(self, kind: Kind, ref: int | None = None, reason: str | None = None) -> "Event":
        """The same submission's next event, now."""
        news = {"kind": kind, "ref": ref, "reason": reason, "time": datetime.now(UTC)}
        return self.model_copy(update=news)


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


def append_event(path: Path, event: Event) -> None:
    """Add one event and bring it to disk."""
    with _locked(path):
        _append(path, event)


def prepare(path: Path, event: Event) -> Event:
    """Add a `prepared` event unless its tag stands there; returns the tag's latest event."""
    with _locked(path):
        known = [old for old in read_ledger(path) if old.tag == event.tag]
        if known:
            return known[-1]
        _append(path, event)
        return event


def sent_before(events: list[Event], sha256: str) -> Event | None:
    """The event with which a file of this content went out."""
    sent = [e for e in events if e.sha256 == sha256 and e.kind in ("sent", "scored")]
    return sent[-1] if sent else None


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
    latest = {event.tag: event for event in events}
    return [
        {
            "tag": event.tag,
            "state": event.kind,
            "time": f"{event.time.astimezone(UTC):%Y-%m-%d %H:%M}",
            "run": event.run,
            "oof": _number(event.score.mean if event.score else None),
            "ref": "" if event.ref is None else str(event.ref),
            "public": _number(event.public),
            "private": _number(event.private),
            "reason": event.reason or "",
        }
        for event in latest.values()
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _locked(path: Path) -> FileLock:
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path.with_name(f".{path.name}.lock"))


def _append(path: Path, event: Event) -> None:
    # ASCII, so that a line torn anywhere leaves a file that still reads as text.
    append_line(path, json.dumps(event.model_dump(mode="json"), allow_nan=False))
