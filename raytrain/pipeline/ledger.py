"""`ledger`: a table of a competition's prepared and sent submissions, including manual ones."""

from dataclasses import dataclass

from rich.table import Table

from raytrain.config.job import JobSpec
from raytrain.report.terminal import as_text
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import counted
from raytrain.submission import calls
from raytrain.submission.answers import Entry
from raytrain.submission.credentials import NO_SLUG
from raytrain.submission.events import Event, latest, summary
from raytrain.submission.ledger import Ledger, OvertakenError, ledger_of, news_of
from raytrain.submission.wait_for_score import judged

WIDTH, REASON = 240, 60
"""Largest number of characters of a line, and of the column with the reason."""


@dataclass(frozen=True)
class Listed:
    """The submissions that were prepared or sent."""

    ledger: str
    """The address of the ledger."""
    submissions: tuple[Event, ...]
    """The latest event of each submission, oldest submission first."""

    @property
    def text(self) -> str:
        rows = summary([*self.submissions])
        if not rows:
            return f"{self.ledger}: nothing is prepared or sent yet; run `raytrain submit`"
        table = Table(title=self.ledger, title_justify="left")
        shown = [column for column in rows[0] if any(row[column] for row in rows)]
        for column in shown:
            table.add_column(column, no_wrap=column != "reason", max_width=REASON, overflow="fold")
        for row in rows:
            table.add_row(*(row[column] for column in shown))
        return as_text(table, width=WIDTH)


def listed(ledger: Ledger) -> Listed:
    """Return all submissions. Raises ValueError that names a line that is not an event."""
    return Listed(str(ledger), tuple(latest(ledger.read()).values()))


@dataclass(frozen=True)
class Reconciled:
    """Kaggle's list, merged into the ledger."""

    slug: str
    entries: int
    """Number of entries in Kaggle's list."""
    added: int
    """Number of events that were added to the ledger."""

    @property
    def text(self) -> str:
        added = f"{counted(self.added, 'event')} added to the ledger"
        return f"{self.slug}: {counted(self.entries, 'submission')} on Kaggle, {added}"


def reconcile(job: JobSpec, run: RunDir) -> Reconciled:
    """Merge Kaggle's list into the ledger: new scores, lost answers, and manual submissions.

    Raises ValueError when the list cannot be read.
    """
    slug = job.competition.submission.slug
    if slug is None:
        raise ValueError(NO_SLUG)
    standing = calls.read_standing(slug)
    ledger = ledger_of(job, run)
    return Reconciled(slug, len(standing.entries), _merge(job, ledger, standing.entries))


def _merge(job: JobSpec, ledger: Ledger, entries: tuple[Entry, ...]) -> int:
    """Add the events that follow from Kaggle's entries; returns how many were added."""
    known = latest(ledger.read())
    owners = _owners(ledger, known, entries)
    found = []
    for entry in reversed(entries):
        event = owners.get(entry.ref) or _by_hand(job, entry)
        if entry.state == "pending":
            said = event.later("sent", ref=entry.ref)
        else:
            said = judged(event, entry, event.rank)
        news = news_of(known.get(event.tag), said)
        if news is not None:
            known[event.tag] = news
            found.append(news)
    try:
        if found:
            ledger.append(*found)
    except OvertakenError:
        return _merge(job, ledger, entries)
    return len(found)


def _owners(
    ledger: Ledger, known: dict[str, Event], entries: tuple[Entry, ...]
) -> dict[int, Event]:
    """Return Kaggle's entry number -> the ledger's submission.

    If a submission's entry number was lost, its entry is one with its tag: preferably the one with
    the name and size of its file, else the oldest.
    """
    owners = {event.ref: event for event in known.values() if event.ref is not None}
    for event in known.values():
        if event.ref is None:
            tagged = [e for e in entries if e.ref not in owners and event.tag in e.description]
            if tagged:
                ours = min(tagged, key=lambda e: (not _is_its_file(ledger, event, e), e.ref))
                owners[ours.ref] = event
    return owners


def _is_its_file(ledger: Ledger, event: Event, entry: Entry) -> bool:
    try:
        file = ledger.kept(f"{event.tag}.csv")
    except ValueError:
        return False
    return (entry.file, entry.size) == (file.name, file.stat().st_size)


def _by_hand(job: JobSpec, entry: Entry) -> Event:
    return Event(
        kind="sent",
        tag=f"kaggle-{entry.ref}",
        time=entry.date,
        competition=job.competition.name,
        run=None,
        file=entry.file,
        sha256=None,
        rows=None,
        score=None,
        members=(),
        ref=entry.ref,
    )
