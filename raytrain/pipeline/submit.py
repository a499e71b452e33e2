"""`submit`: the checked CSV goes to Kaggle exactly once and is followed until it is scored."""

import hashlib
from collections.abc import Callable, Collection
from datetime import UTC, datetime

from raytrain.config.job import JobSpec
from raytrain.pipeline.prepare import faults, ledger_of, missing, prepare, refuse
from raytrain.pipeline.scored import watch
from raytrain.pipeline.sending import look_up, not_sent, refuse_over_quota, safe, send
from raytrain.runs.layout import RunDir
from raytrain.submission import calls
from raytrain.submission.credentials import CREDENTIALS_HELP, has_credentials
from raytrain.submission.events import Event, entered, latest
from raytrain.submission.ledger import Ledger, append_news
from raytrain.submission.preflight import Consent, quota_problem, resets_at, standing_problems


def submit(job: JobSpec, run: RunDir, consent: Collection[Consent]) -> None:
    """Send the run's CSV, unless it went out, and wait for its score.

    Raises ValueError with all that speaks against sending it, without credentials, with Kaggle's
    reason when it does not take the file, and when the file was sent and judged before.
    """
    event = _on_its_way(job, run)
    if event is None:
        event = _ready(job, run, consent)
        standing = look_up(job, run, event, consent)
        refuse_over_quota(event, standing)
        event = send(ledger_of(job, run), event, standing)
    watch(job, run, event)


def dry_run(job: JobSpec, run: RunDir, consent: Collection[Consent]) -> None:
    """Everything that `submit` does before it sends; raises ValueError as it would."""
    event = _ready(job, run, consent)
    refuse_over_quota(event, look_up(job, run, event, consent))
    print(f"not sent (dry run): {event.file}, {event.rows} rows, as {event.tag}")


def submit_queue(
    job: JobSpec, run: RunDir, consent: Collection[Consent], sleep: Callable[[float], None]
) -> None:
    """Put the run's CSV into the competition's queue and send what stands there, the best
    out-of-fold score first; `sleep` until 00:00 UTC while the day's submissions are used up.

    Raises ValueError as `submit` does.
    """
    ledger = ledger_of(job, run)
    on_its_way = _on_its_way(job, run)
    if on_its_way is None and not (_entered_before(run, ledger) and _queue(ledger)):
        event = _ready(job, run, consent)
        standing = look_up(job, run, event, consent)
        if standing.tagged(event.tag):
            on_its_way = send(ledger, event, standing)
        else:
            append_news(ledger, event.later("queued"))
    if on_its_way is not None:
        watch(job, run, on_its_way)
    while queue := _queue(ledger):
        sent = _next_sent(job, ledger, queue[0], consent)
        if sent is not None:
            watch(job, run, sent)
            continue
        now = datetime.now(UTC)
        print(f"{len(queue)} wait for 00:00 UTC; Ctrl-C leaves them in the queue", flush=True)
        sleep((resets_at(now) - now).total_seconds())


def _next_sent(
    job: JobSpec, ledger: Ledger, event: Event, consent: Collection[Consent]
) -> Event | None:
    """The event, sent; None while the day's submissions are used up."""
    spec = job.competition.submission
    assert spec.slug is not None
    standing = calls.read_standing(spec.slug)
    problems = standing_problems(standing, spec, consent)
    quota = quota_problem(standing)
    if quota and standing.limited_by_total:
        problems.append(quota)
    if problems:
        raise not_sent(event, problems)
    return None if quota else send(ledger, event, standing)


def _queue(ledger: Ledger) -> list[Event]:
    """Waiting submissions of all runs of the competition."""
    return sorted(
        (event for event in latest(ledger.read()).values() if event.kind == "queued"),
        key=lambda event: -event.score.mean if event.score else 0.0,
    )


def _entered_before(run: RunDir, ledger: Ledger) -> list[Event]:
    """Submissions of the same content that Kaggle took."""
    digest = hashlib.sha256(run.submission.read_bytes()).hexdigest()
    return [event for event in entered(ledger.read()) if event.sha256 == digest]


def _on_its_way(job: JobSpec, run: RunDir) -> Event | None:
    """The event of this CSV where it was sent and is not judged yet.

    Raises ValueError when something is missing that a submission needs.
    """
    problems = missing(run)
    if job.competition.submission.slug is None:
        problems.append("competition.submission.slug: missing; it says which competition to enter")
    refuse(run, problems)
    before = _entered_before(run, ledger_of(job, run))
    return before[-1] if before and before[-1].kind == "sent" else None


def _ready(job: JobSpec, run: RunDir, consent: Collection[Consent]) -> Event:
    """The checked CSV's event, not sent yet."""
    before = _entered_before(run, ledger_of(job, run))
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
