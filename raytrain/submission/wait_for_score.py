"""Follow a sent submission until Kaggle has scored it."""

import time
from datetime import UTC, datetime

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_exponential

from raytrain.config.job import JobSpec
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import say
from raytrain.submission import calls
from raytrain.submission.answers import Entry, Standing
from raytrain.submission.events import Event
from raytrain.submission.ledger import append_news, ledger_of

FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 120.0
PATIENCE_S = 2 * 3600.0
"""Longest wait in seconds. Some competitions take longer. If the command is run again, it waits
further."""


def watch(job: JobSpec, run: RunDir, event: Event) -> tuple[Event, Standing]:
    """Wait until the entry `event.ref` is scored, and write the result to the ledger; returns the
    result, and the competition's state at that time.

    Kaggle is asked after 5 s, 10 s, ... up to every 2 minutes. Raises ValueError with Kaggle's
    reason when the entry cannot be scored, and when it is not scored within two hours.
    """
    slug, start = job.competition.submission.slug, time.monotonic()
    assert slug is not None

    def look() -> tuple[Event, Standing] | None:
        """Return the event for the ledger and the competition's state once the entry is judged,
        else None."""
        waited = f"  after {time.monotonic() - start:.0f} s"
        try:
            standing = calls.read_standing(slug)
        except ValueError as error:
            say(f"{waited}: {error}")
            return None
        found = [entry for entry in standing.entries if entry.ref == event.ref]
        if not found:
            say(f"{waited}: Kaggle's list does not show {event.tag} yet")
            return None
        say(f"{waited}: Kaggle's scoring of {event.tag} is {found[0].state}")
        if found[0].state == "pending":
            return None
        return judged(event, found[0], standing.rank), standing

    looking = Retrying(
        retry=retry_if_result(lambda found: found is None),
        wait=wait_exponential(FIRST_WAIT_S, LONGEST_WAIT_S),
        stop=stop_after_delay(PATIENCE_S),
    )
    try:
        answer = looking(look)
    except RetryError:
        raise ValueError(
            f"{event.tag} was entered (ref {event.ref}) but is not scored yet; run the same "
            "command again to wait for its score"
        ) from None
    assert answer is not None
    news, standing = answer
    append_news(ledger_of(job, run), news)
    if news.kind == "failed":
        raise ValueError(
            f"{event.tag} (ref {event.ref}): Kaggle could not score it: {news.reason}; correct "
            "the cause in competition.submission, then run `raytrain run` and submit again"
        )
    say(_score_text(news, slug))
    return news, standing


def judged(event: Event, entry: Entry, rank: int | None) -> Event:
    """Return the event that records how Kaggle judged the entry: scored, or failed."""
    if entry.state == "error":
        reason = entry.error or "Kaggle gives no reason"
        return event.later("failed", ref=entry.ref, reason=reason)
    scores = {"public": entry.public, "private": entry.private}
    return event.later("scored", ref=entry.ref, rank=rank, **scores)


def _score_text(event: Event, slug: str) -> str:
    parts = [f"public {event.public:.5f}" if event.public is not None else "no public score"]
    if event.private is not None:
        parts.append(f"private {event.private:.5f}")
    if event.rank is not None:
        parts.append(f"rank {event.rank}")
    now = datetime.now(UTC)
    return f"scored {event.tag} ({now:%Y-%m-%d %H:%M} UTC): {', '.join(parts)}\n" \
           f"https://www.kaggle.com/competitions/{slug}/submissions"  # fmt: skip
