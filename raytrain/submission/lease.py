"""The lease: how long a `sending` event keeps every other process from entering the submission.

Kaggle's request to enter a file has no idempotency key that would make a second request harmless.
An upload enters nothing, so it needs no lease. After the upload, one process adds the `sending`
event, with the time by Kaggle's clock, and enters the file at once. The lease lasts longer than the
entering can take on any machine, and longer than an entry can be missing from Kaggle's list. After
the lease the list is trusted: a tag that it does not show was not entered.
"""

from datetime import datetime, timedelta

from raytrain.submission.events import Event

ENTERING_S = 120.0
"""Longest duration, in seconds, of a request to enter, including the reading of the list before
it."""
LISTING_LAG = timedelta(minutes=5)
"""Longest time for which an accepted submission may be missing from Kaggle's list."""


def enter_by(sending: Event) -> datetime:
    """Return the last time, by Kaggle's clock, at which the holder of the lease may begin to enter
    the file."""
    return sending.time + timedelta(seconds=ENTERING_S)


def lease_end(sending: Event) -> datetime:
    """Return the time, by Kaggle's clock, from which the list shows for certain whether the file
    was entered."""
    return enter_by(sending) + timedelta(seconds=ENTERING_S) + LISTING_LAG


def is_held(event: Event, now: datetime) -> bool:
    """Return whether a process may be entering the submission now, or may have entered it although
    Kaggle's list does not show it yet."""
    return event.kind == "sending" and now < lease_end(event)
