"""`ledger`: what was prepared and sent for a competition, also by hand, as a table."""

from rich.table import Table

from raytrain.config.job import JobSpec
from raytrain.pipeline.prepare import ledger_of
from raytrain.pipeline.scored import judged
from raytrain.pipeline.tables import as_text
from raytrain.runs.layout import RunDir
from raytrain.submission import calls
from raytrain.submission.answers import Entry
from raytrain.submission.events import Event, latest, summary
from raytrain.submission.ledger import Ledger, append_news

WIDTH, REASON = 240, 60
"""Characters a line, at most; of a column."""


def ledger_table(ledger: Ledger) -> str:
    """The ledger, one row a submission with its latest state, oldest first.

    Raises ValueError naming a line that is not an event.
    """
    rows = summary(ledger.read())
    if not rows:
        return f"nothing was prepared or sent yet: run `raytrain submit` ({ledger})"
    table = Table(title=str(ledger), title_justify="left")
    shown = [column for column in rows[0] if any(row[column] for row in rows)]
    for column in shown:
        table.add_column(column, no_wrap=column != "reason", max_width=REASON, overflow="fold")
    for row in rows:
        table.add_row(*(row[column] for column in shown))
    return as_text(table, width=WIDTH)


def reconcile(job: JobSpec, run: RunDir) -> str:
    """Merge Kaggle's list into the ledger: scores that came since, answers that were lost, entries
    by hand. Returns what to print; raises ValueError when the list cannot be read."""
    slug = job.competition.submission.slug
    if slug is None:
        raise ValueError("competition.submission.slug: missing; it says whose list to read")
    standing = calls.read_standing(slug)
    ledger = ledger_of(job, run)
    before = len(ledger.read())
    for entry in reversed(standing.entries):
        known = _known(latest(ledger.read()), entry) or _by_hand(job, entry)
        if entry.state == "pending":
            news = known.later("sent", ref=entry.ref)
        else:
            news = judged(known, entry, known.rank)
        append_news(ledger, news)
    added = len(ledger.read()) - before
    return f"{slug}: {len(standing.entries)} submissions on Kaggle, {added} events added"


def _known(events: dict[str, Event], entry: Entry) -> Event | None:
    """The ledger's submission that the entry is."""
    return next(
        (e for e in events.values() if e.ref == entry.ref or e.tag in entry.description), None
    )


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
