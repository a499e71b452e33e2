"""`submit`: send the checked CSV to Kaggle exactly once, and follow it until it is scored.

A preview does everything except sending, and gives a token. With the token, exactly the previewed
file is sent later. The token is computed from the competition, the run, the submission's tag and
the SHA-256 of the file, so it is not stored.
"""

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from raytrain.config.codes import CodedError
from raytrain.config.job import JobSpec
from raytrain.runs.files import sha256_of
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.layout import RunDir
from raytrain.submission import calls
from raytrain.submission.events import Event, latest
from raytrain.submission.ledger import ledger_of
from raytrain.submission.preflight import Consent, Quota, quota_of
from raytrain.submission.ready import on_its_way, ready, refuse_unready
from raytrain.submission.sending import look_up, refuse_over_quota, send
from raytrain.submission.wait_for_score import watch


@dataclass(frozen=True)
class Submission:
    """A submission that was previewed or scored."""

    event: Event
    """The last event of the submission in the ledger."""
    quota: Quota
    """How many submissions Kaggle still accepts, and until when."""
    token: str | None = None
    """The token of a preview, for `commit`."""


def submit(job: JobSpec, run: RunDir, consent: Collection[Consent]) -> Submission:
    """Send the run's CSV, unless it was sent, and wait for its score.

    Raises ValueError with every objection to sending, without credentials, when Kaggle refuses the
    file (with its reason), and when the file was sent and judged before.
    """
    event = on_its_way(job, run)
    if event is None:
        event = ready(job, run, consent)
        standing = look_up(job, run, event, consent)
        refuse_over_quota(event, standing)
        event = send(ledger_of(job, run), event, standing)
    scored, standing = watch(job, run, event)
    return Submission(scored, quota_of(standing))


def preview(job: JobSpec, run: RunDir, consent: Collection[Consent]) -> Submission:
    """Do everything that `submit` does before it sends, and return the submission with a token.
    Raises ValueError with every objection to sending, and without credentials."""
    refuse_unready(job, run)
    with _quota_in_errors(job):
        event = ready(job, run, consent)
        standing = look_up(job, run, event, consent)
        refuse_over_quota(event, standing)
    return Submission(event, quota_of(standing), token_of(job, event))


def commit(job: JobSpec, run: RunDir, token: str, consent: Collection[Consent]) -> Submission:
    """Send the file of a preview, as `submit` does.

    Raises CodedError when the token is of another run or competition, when the file has changed, or
    when it was sent with this token before.
    """
    refuse_unready(job, run)
    with _quota_in_errors(job):
        _verify(job, run, token)
        return submit(job, run, consent)


def token_of(job: JobSpec, event: Event) -> str:
    """Return the token of a prepared submission of this job's run."""
    slug = job.competition.submission.slug
    parts = (slug, job.competition.name, job.run, event.tag, event.sha256)
    return f"send-{fingerprint(*parts)}"


def _verify(job: JobSpec, run: RunDir, token: str) -> None:
    events = latest(ledger_of(job, run).read()).values()
    event = next((each for each in events if token_of(job, each) == token), None)
    again = "run `raytrain submit --preview` for a new token"
    if event is None:
        where = f"run {job.run} of {job.competition.name}"
        raise _refused(token, f"it is not a token of {where}; {again}")
    if sha256_of(run.submission) != event.sha256:
        raise _refused(token, f"{run.submission} has changed since the preview; {again}")
    # A file that is sent and not judged yet is followed, as by every repeated command.
    if event.ref is not None and event.kind != "sent":
        sent = f"sent as {event.tag}, ref {event.ref}, at {event.time:%Y-%m-%d %H:%M} UTC"
        raise _refused(token, f"it was used: the file was {sent}; {again}")


def _refused(token: str, problem: str) -> CodedError:
    return CodedError("token", f"--commit {token}: {problem}", [f"{token}: {problem}"])


@contextlib.contextmanager
def _quota_in_errors(job: JobSpec) -> Iterator[None]:
    """Add the quota to the facts of an error about a token or a file that was sent before, if
    Kaggle answers."""
    try:
        yield
    except CodedError as error:
        slug = job.competition.submission.slug
        if slug is not None and error.code in ("token", "sent-before"):
            with contextlib.suppress(ValueError):
                error.facts["quota"] = quota_of(calls.read_standing(slug))
        raise
