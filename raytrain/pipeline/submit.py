"""`submit`: send the checked CSV to Kaggle exactly once, and follow it until it is scored."""

from collections.abc import Collection

from raytrain.config.job import JobSpec
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import say
from raytrain.submission.events import Event
from raytrain.submission.ledger import ledger_of
from raytrain.submission.preflight import Consent
from raytrain.submission.ready import on_its_way, ready
from raytrain.submission.sending import look_up, refuse_over_quota, send
from raytrain.submission.wait_for_score import watch


def submit(job: JobSpec, run: RunDir, consent: Collection[Consent]) -> Event:
    """Send the run's CSV, unless it was sent, and wait for its score; returns its last event.

    Raises ValueError with every objection to sending, without credentials, with Kaggle's reason
    when it refuses the file, and when the file was sent and judged before.
    """
    event = on_its_way(job, run)
    if event is None:
        event = ready(job, run, consent)
        standing = look_up(job, run, event, consent)
        refuse_over_quota(event, standing)
        event = send(ledger_of(job, run), event, standing)
    return watch(job, run, event)


def dry_run(job: JobSpec, run: RunDir, consent: Collection[Consent]) -> None:
    """Do everything that `submit` does before it sends; raises ValueError as it would."""
    event = ready(job, run, consent)
    refuse_over_quota(event, look_up(job, run, event, consent))
    say(f"not sent (dry run): {event.file}, {event.rows} rows, as {event.tag}")
