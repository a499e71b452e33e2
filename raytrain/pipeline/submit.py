"""`submit`: send the checked CSV to Kaggle exactly once, and follow it until it is scored."""

import hashlib
from collections.abc import Collection

from raytrain.config.job import JobSpec
from raytrain.pipeline.prepare import faults, ledger_of, missing, prepare, refuse
from raytrain.pipeline.scored import watch
from raytrain.pipeline.sending import look_up, refuse_over_quota, safe, send
from raytrain.runs.layout import RunDir
from raytrain.submission.credentials import CREDENTIALS_HELP, has_credentials
from raytrain.submission.events import Event, entered
from raytrain.submission.ledger import Ledger
from raytrain.submission.preflight import Consent


def submit(job: JobSpec, run: RunDir, consent: Collection[Consent]) -> None:
    """Send the run's CSV, unless it was sent, and wait for its score.

    Raises ValueError with every objection to sending, without credentials, with Kaggle's reason
    when it refuses the file, and when the file was sent and judged before.
    """
    event = on_its_way(job, run)
    if event is None:
        event = ready(job, run, consent)
        standing = look_up(job, run, event, consent)
        refuse_over_quota(event, standing)
        event = send(ledger_of(job, run), event, standing)
    watch(job, run, event)


def dry_run(job: JobSpec, run: RunDir, consent: Collection[Consent]) -> None:
    """Do everything that `submit` does before it sends; raises ValueError as it would."""
    event = ready(job, run, consent)
    refuse_over_quota(event, look_up(job, run, event, consent))
    print(f"not sent (dry run): {event.file}, {event.rows} rows, as {event.tag}")


def entered_before(run: RunDir, ledger: Ledger) -> list[Event]:
    """Return the submissions with the same content that Kaggle accepted."""
    digest = hashlib.sha256(run.submission.read_bytes()).hexdigest()
    return [event for event in entered(ledger.read()) if event.sha256 == digest]


def on_its_way(job: JobSpec, run: RunDir) -> Event | None:
    """Return the event of this CSV if it was sent and is not judged yet, else None.

    Raises ValueError when something that a submission needs is missing.
    """
    problems = missing(run)
    if job.competition.submission.slug is None:
        problems.append("competition.submission.slug: missing; it says which competition to enter")
    refuse(run, problems)
    before = entered_before(run, ledger_of(job, run))
    return before[-1] if before and before[-1].kind == "sent" else None


def ready(job: JobSpec, run: RunDir, consent: Collection[Consent]) -> Event:
    """Check the CSV and return its event, which is not sent yet."""
    before = entered_before(run, ledger_of(job, run))
    if before and "again" not in consent:
        last = before[-1]
        judged = last.reason or f"public {last.public}, private {last.private}"
        raise ValueError(
            f"{run.submission} was sent before: as {last.tag} of run {last.run}, ref {last.ref}, "
            f"{last.time:%Y-%m-%d %H:%M} UTC ({judged}); --again sends it again"
        )
    refuse(run, faults(job, run))
    event = prepare(job, run, len(before))
    if not has_credentials():
        raise ValueError(f"{CREDENTIALS_HELP}\n{safe(event)}")
    return event
