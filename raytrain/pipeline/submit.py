"""`submit`: the checked CSV goes to Kaggle exactly once and is followed until it is scored."""

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
    """Send the run's CSV, unless it went out, and wait for its score.

    Raises ValueError with all that speaks against sending it, without credentials, with Kaggle's
    reason when it does not take the file, and when the file was sent and judged before.
    """
    event = on_its_way(job, run)
    if event is None:
        event = ready(job, run, consent)
        standing = look_up(job, run, event, consent)
        refuse_over_quota(event, standing)
        event = send(ledger_of(job, run), event, standing)
    watch(job, run, event)


def dry_run(job: JobSpec, run: RunDir, consent: Collection[Consent]) -> None:
    """Everything that `submit` does before it sends; raises ValueError as it would."""
    event = ready(job, run, consent)
    refuse_over_quota(event, look_up(job, run, event, consent))
    print(f"not sent (dry run): {event.file}, {event.rows} rows, as {event.tag}")


def entered_before(run: RunDir, ledger: Ledger) -> list[Event]:
    """Submissions of the same content that Kaggle took."""
    digest = hashlib.sha256(run.submission.read_bytes()).hexdigest()
    return [event for event in entered(ledger.read()) if event.sha256 == digest]


def on_its_way(job: JobSpec, run: RunDir) -> Event | None:
    """The event of this CSV where it was sent and is not judged yet.

    Raises ValueError when something is missing that a submission needs.
    """
    problems = missing(run)
    if job.competition.submission.slug is None:
        problems.append("competition.submission.slug: missing; it says which competition to enter")
    refuse(run, problems)
    before = entered_before(run, ledger_of(job, run))
    return before[-1] if before and before[-1].kind == "sent" else None


def ready(job: JobSpec, run: RunDir, consent: Collection[Consent]) -> Event:
    """The checked CSV's event, not sent yet."""
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
