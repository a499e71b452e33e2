"""The lease: for how long a `sending` event keeps every other process from entering the submission.

Kaggle's request to enter a file has no key that would make a second one harmless. An upload enters
nothing, so it needs no lease. After it, one process adds the `sending` event, with the time by
Kaggle's clock, and enters the file at once. The lease lasts longer than that can take, however slow
the machine is, and longer than an entry can be missing in Kaggle's list. After it the list is
believed: a tag that it does not show was not entered.
"""

from datetime import datetime, timedelta

from raytrain.submission.events import Event

ENTERING_S = 120.0
"""Seconds that a request to enter may take, with the look at the list before it."""
LISTING_LAG = timedelta(minutes=5)
"""How long an accepted submission may be missing in Kaggle's list."""


def enter_by(sending: Event) -> datetime:
    """Until when the holder may begin to enter, by Kaggle's clock."""
    return sending.time + timedelta(seconds=ENTERING_S)


def lease_end(sending: Event) -> datetime:
    """When the list shows for certain what became of it, by Kaggle's clock."""
    return enter_by(sending) + timedelta(seconds=ENTERING_S) + LISTING_LAG


def is_held(event: Event, now: datetime) -> bool:
    """Whether a process may be entering it now, or may have entered it without being listed."""
    return event.kind == "sending" and now < lease_end(event)
