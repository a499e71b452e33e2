"""The lease: how long a `sending` event keeps every other process from entering the submission.

Kaggle's request to enter a file has no idempotency key that would make a second request harmless.
An upload enters nothing, so it needs no lease. After it, one process adds the `sending` event, with
the time by Kaggle's clock, and enters the file at once. The lease lasts longer than that can take
on any machine, and longer than an entry can be missing from Kaggle's list. After the lease the list
is trusted: a tag that it does not show was not entered.
"""

from datetime import datetime, timedelta

from raytrain.submission.events import Event

ENTERING_S = 120.0
"""Longest duration in seconds of a request to enter, including the look at the list before it."""
LISTING_LAG = timedelta(minutes=5)
"""Longest time for which an accepted submission may be missing from Kaggle's list."""


def enter_by(sending: Event) -> datetime:
    """Return the time until which the holder may begin to enter, by Kaggle's clock."""
    return sending.time + timedelta(seconds=ENTERING_S)


def lease_end(sending: Event) -> datetime:
    """Return the time from which the list shows the outcome for certain, by Kaggle's clock."""
    return enter_by(sending) + timedelta(seconds=ENTERING_S) + LISTING_LAG


def is_held(event: Event, now: datetime) -> bool:
    """Return whether a process may be entering the submission now, or may have entered it without
    its being listed yet."""
    return event.kind == "sending" and now < lease_end(event)
