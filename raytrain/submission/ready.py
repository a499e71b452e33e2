"""Whether a run's CSV can be sent, was sent and is not judged yet, or was judged before."""

from collections.abc import Collection

from raytrain.config.codes import CodedError
from raytrain.config.job import JobSpec
from raytrain.runs.files import sha256_of
from raytrain.runs.layout import RunDir
from raytrain.submission.credentials import CREDENTIALS_HELP, NO_SLUG, has_credentials
from raytrain.submission.events import Event, entered
from raytrain.submission.ledger import Ledger, ledger_of
from raytrain.submission.preflight import Consent
from raytrain.submission.prepare import faults, missing, prepare, refuse
from raytrain.submission.sending import safe


def entered_before(run: RunDir, ledger: Ledger) -> list[Event]:
    """Return the submissions with the same content that Kaggle accepted."""
    digest = sha256_of(run.submission)
    return [event for event in entered(ledger.read()) if event.sha256 == digest]


def refuse_unready(job: JobSpec, run: RunDir) -> None:
    """Raise ValueError when a file, a score or a setting that a submission needs is missing."""
    problems = missing(run)
    if job.competition.submission.slug is None:
        problems.append(NO_SLUG)
    refuse(run, problems)


def on_its_way(job: JobSpec, run: RunDir) -> Event | None:
    """Return the event of this CSV if it was sent and is not judged yet, else None.

    Raises ValueError when a file, a score or a setting that a submission needs is missing.
    """
    refuse_unready(job, run)
    before = entered_before(run, ledger_of(job, run))
    return before[-1] if before and before[-1].kind == "sent" else None


def ready(job: JobSpec, run: RunDir, consent: Collection[Consent]) -> Event:
    """Check the CSV, and return the event of the submission that can be sent.

    Raises ValueError when the CSV was sent before and `consent` lacks `again`, when it is faulty,
    and when there are no credentials.
    """
    before = entered_before(run, ledger_of(job, run))
    if before and "again" not in consent:
        last = before[-1]
        judged = last.reason or f"public {last.public}, private {last.private}"
        raise CodedError(
            "sent-before",
            f"{run.submission} was sent before, as {last.tag} of run {last.run}, ref {last.ref}, "
            f"at {last.time:%Y-%m-%d %H:%M} UTC ({judged}); --again sends it again",
        )
    refuse(run, faults(job, run))
    event = prepare(job, run, len(before))
    if not has_credentials():
        raise CodedError("credentials", f"{CREDENTIALS_HELP}\n{safe(event)}")
    return event
