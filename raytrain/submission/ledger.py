"""The ledger: append-only events of prepared and sent submissions, and the files that belong to
them.

An event is added only if its step directly follows the last event of its tag. So if two processes
continue from the same event, one is refused, and nothing is entered twice. In a folder the ledger
is a file of JSON lines under a lock. A line counts once its line end is on disk. If a killed
process left an incomplete last line, readers skip it and the next append cuts it off. On object
storage each event is a separate object, created by a put that fails if the object exists.
"""

import json
import os
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import Any, Protocol

from filelock import FileLock
from pydantic import ValidationError

from raytrain.config.codes import CodedError
from raytrain.config.job import JobSpec
from raytrain.config.storage import is_url
from raytrain.runs.files import append_line, read_lines, write_bytes
from raytrain.runs.layout import RunDir
from raytrain.runs.objects import create
from raytrain.runs.store import StoredPath
from raytrain.submission.events import Event, latest


class OvertakenError(CodedError):
    """Raised when another process has continued with the submission."""

    def __init__(self, event: Event):
        text = f"{event.tag}: another raytrain process is sending it; run the same command later"
        super().__init__("locked", text)


class Ledger(Protocol):
    """The submissions of one competition."""

    def read(self) -> list[Event]:
        """Return all complete events, oldest first. Raises ValueError that names each line or
        object that is not an event."""
        ...

    def append(self, *events: Event) -> None:
        """Add events and flush them to disk. Raises OvertakenError if another process wrote an
        event with the same step. Earlier ones of the events may then have been added."""
        ...

    def keep(self, name: str, content: bytes) -> Path:
        """Store a file beside the events; returns its path on this machine."""
        ...

    def kept(self, name: str) -> Path:
        """Return the path on this machine of a file that `keep` stored. Raises ValueError when
        there is none."""
        ...


@dataclass(frozen=True)
class FileLedger:
    """A ledger of JSON lines in a file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def read(self) -> list[Event]:
        return [
            _parsed(line, f"{self.path}, line {number}")
            for number, line in enumerate(read_lines(self.path), 1)
        ]

    def append(self, *events: Event) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_name(f".{self.path.name}.lock")):
            taken = {(old.tag, old.step) for old in self.read()}
            for event in events:
                if (event.tag, event.step) in taken:
                    raise OvertakenError(event)
            append_line(self.path, "\n".join(map(_text, events)))

    def keep(self, name: str, content: bytes) -> Path:
        write_bytes(self.path.parent / name, content)
        return self.path.parent / name

    def kept(self, name: str) -> Path:
        path = self.path.parent / name
        if not path.is_file():
            raise ValueError(f"{path} is missing; restore it from a copy")
        return path


@dataclass(frozen=True)
class ObjectLedger:
    """A ledger of objects under an fsspec address, such as s3://bucket/submissions/cardiac."""

    address: str
    copies: Path
    """Folder for the files that are downloaded from the address."""

    def __str__(self) -> str:
        return self.address

    def read(self) -> list[Event]:
        def request(files: Any, root: str) -> dict[str, bytes]:
            names = files.glob(f"{root}/events/*/*.json")
            return files.cat(names) if names else {}

        found = StoredPath(self.address, "").ask(request)
        return _in_order([_parsed(text.decode(), name) for name, text in found.items()])

    def append(self, *events: Event) -> None:
        for event in events:
            place = StoredPath(self.address, f"events/{event.tag}/{event.step:04d}.json")
            try:
                create(place, _text(event).encode())
            except FileExistsError:
                raise OvertakenError(event) from None

    def keep(self, name: str, content: bytes) -> Path:
        StoredPath(self.address, name).ask(lambda files, path: files.pipe_file(path, content))
        write_bytes(self.copies / name, content)
        return self.copies / name

    def kept(self, name: str) -> Path:
        try:
            content = StoredPath(self.address, name).ask(lambda files, path: files.cat_file(path))
            write_bytes(self.copies / name, content)
        except FileNotFoundError:
            raise ValueError(f"{self.address}/{name} is missing; restore it from a copy") from None
        return self.copies / name


def ledger_of(job: JobSpec, run: RunDir) -> Ledger:
    """Return the ledger of the competition. All runs of the competition share it.

    If the ledger is where older versions of raytrain wrote it, raises ValueError with the command
    that moves it.
    """
    address = job.competition.submission.ledger
    file = ledger_file(run, job.storage)
    if address is None and is_url(job.storage):
        address = f"{job.storage}/submissions"
    if address is not None:
        return ObjectLedger(f"{address.rstrip('/')}/{file.parent.name}", file.parent)
    old = run.path.parent / "submissions"
    if (old / file.name).is_file():
        raise ValueError(_moved(old, file.parent))
    return FileLedger(file)


def states(job: JobSpec, run: RunDir) -> dict[str, int]:
    """Return the number of the competition's submissions whose last event is of each kind."""
    return Counter(event.kind for event in latest(ledger_of(job, run).read()).values())


def ledger_file(run: RunDir, storage: str) -> Path:
    """Return the path of the ledger's file: `submissions/` is in the storage or, if the job's
    `storage` is a relative path, in the folder that this path begins at."""
    root = run.path.parents[1]
    words = Path(os.path.normpath(os.path.expanduser(storage)))
    if not is_url(storage) and not words.is_absolute() and ".." not in words.parts:
        root = Path(*root.parts[: len(root.parts) - len(words.parts)])
    return root / "submissions" / run.path.parent.name / "ledger.jsonl"


def _moved(old: Path, new: Path) -> str:
    text = f"{old}: an older version of raytrain wrote this ledger; its place is now {new}"
    if new.exists():
        return f"{text}, which exists too: merge the two by hand, then remove {old}"
    parent, source, target = (quote(str(path)) for path in (new.parent, old, new))
    return f"{text}: mkdir -p {parent} && mv {source} {target}"


def append_news(ledger: Ledger, event: Event) -> None:
    """Add an event as the next one of its tag, unless the tag's latest event has the same facts or
    already records how Kaggle judged the entry."""
    news = news_of(latest(ledger.read()).get(event.tag), event)
    if news is None:
        return
    try:
        ledger.append(news)
    except OvertakenError:
        append_news(ledger, event)


def news_of(known: Event | None, event: Event) -> Event | None:
    """Return `event` with the step after that of `known`, the latest event of its tag. Return None
    if `known` says the same, or already says how the competition judged this entry."""
    if known is None:
        return event.model_copy(update={"step": 0})
    if known.says_the_same_as(event) or known.follows(event):
        return None
    return event.model_copy(update={"step": known.step + 1})


def append_prepared(ledger: Ledger, event: Event) -> Event:
    """Add a `prepared` event unless the tag has events; returns the tag's latest event."""
    known = latest(ledger.read()).get(event.tag)
    if known is not None:
        return known
    try:
        ledger.append(event)
    except OvertakenError:
        return latest(ledger.read())[event.tag]
    return event


def _in_order(events: list[Event]) -> list[Event]:
    """Sort the events, oldest first. Events of one tag are sorted by step, even if the writers'
    clocks differ."""
    reached: dict[str, datetime] = {}
    when: dict[tuple[str, int], datetime] = {}
    for event in sorted(events, key=lambda event: event.step):
        reached[event.tag] = max(event.time, reached.get(event.tag, event.time))
        when[event.tag, event.step] = reached[event.tag]
    return sorted(events, key=lambda event: (when[event.tag, event.step], event.step))


def _text(event: Event) -> str:
    # ASCII, so that a file with a line torn at any byte is still valid text.
    return json.dumps(event.model_dump(mode="json"), allow_nan=False)


def _parsed(text: str, where: str) -> Event:
    try:
        return Event.model_validate_json(text)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = ".".join(map(str, fault["loc"])) or "the line"
        raise ValueError(
            f"{where}: not a ledger event: {key}: {fault['msg']}; restore it from a copy, or "
            "move it away"
        ) from None
