"""`submit --queue`: send a competition's queued submissions one by one, over several days."""

import contextlib
from collections.abc import Callable, Collection
from dataclasses import dataclass

from raytrain.config.job import JobSpec
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import counted, say
from raytrain.submission import calls
from raytrain.submission.answers import RefusedError, Standing
from raytrain.submission.events import Event, latest
from raytrain.submission.lease import is_held, lease_end
from raytrain.submission.ledger import Ledger, OvertakenError, ledger_of
from raytrain.submission.preflight import (
    Consent,
    next_look,
    quota_problem,
    standing_problems,
)
from raytrain.submission.ready import entered_before, on_its_way, ready
from raytrain.submission.sending import look_up, not_sent, send
from raytrain.submission.wait_for_score import watch

Judged = tuple[Event, Standing]
"""A scored submission, and the competition's state at that time."""

RETRY_S = 300.0
"""Number of seconds before Kaggle is asked again after a temporary problem, such as a busy
server."""


@dataclass(frozen=True)
class _Wait:
    """How long the queue waits, and why."""

    seconds: float
    why: str


def submit_queue(
    job: JobSpec, run: RunDir, consent: Collection[Consent], sleep: Callable[[float], None]
) -> list[Judged]:
    """Add the run's CSV to the competition's queue, and send the queued files, best out-of-fold
    score first.

    Calls `sleep` while the day's quota is used up or Kaggle cannot be reached. A file that Kaggle
    refuses or cannot score does not block the next one. Returns the submissions that were scored.

    Raises ValueError when the run's CSV is missing, faulty or was sent before, RefusedError when
    the competition accepts nothing more, and at the end ValueError that lists files that failed.
    """
    ledger, failures, scored = ledger_of(job, run), list[str](), list[Judged]()
    sent = on_its_way(job, run)
    if sent is not None:
        failures += _watched(job, run, sent, scored)
    elif not (entered_before(run, ledger) and _queue(ledger)):
        _join(job, run, ledger, consent, sleep)
    while queue := _queue(ledger):
        try:
            outcome = _sent(job, ledger, queue[0], consent)
        except (RefusedError, OvertakenError) as error:
            cause = "passing" if isinstance(error, OvertakenError) else error.cause
            last = latest(ledger.read())[queue[0].tag]
            if cause == "file" and last.kind == "failed":
                failures.append(str(error))
                continue
            _put_back(ledger, last)
            if cause != "passing":
                raise
            outcome = _Wait(RETRY_S, str(error))
        if isinstance(outcome, Event):
            failures += _watched(job, run, outcome, scored)
        else:
            waiting = counted(len(queue), "submission")
            _wait(outcome, f"the queue has {waiting}, also after Ctrl-C", sleep)
    if failures:
        raise ValueError("\n".join(failures))
    return scored


def _join(
    job: JobSpec,
    run: RunDir,
    ledger: Ledger,
    consent: Collection[Consent],
    sleep: Callable[[float], None],
) -> None:
    """Add the run's CSV to the queue, unless it is already there."""
    event = ready(job, run, consent)
    while event.kind != "queued":
        try:
            look_up(job, run, event, consent)
            event = event.later("queued")
            ledger.append(event)
        except RefusedError as error:
            if error.cause != "passing":
                raise
            _wait(_Wait(RETRY_S, str(error)), "the file is not in the queue yet", sleep)


def _wait(outcome: _Wait, queue: str, sleep: Callable[[float], None]) -> None:
    say(f"{outcome.why}\nraytrain asks Kaggle again in {outcome.seconds / 60:.0f} min; {queue}")
    sleep(outcome.seconds)


def _sent(
    job: JobSpec, ledger: Ledger, event: Event, consent: Collection[Consent]
) -> Event | _Wait:
    """Send the submission and return its event, or return how long to wait. Raises RefusedError
    with cause `file` when the next file may still be accepted."""
    spec = job.competition.submission
    assert spec.slug is not None
    standing = calls.read_standing(spec.slug)
    if not standing.tagged(event.tag):
        if is_held(event, standing.now):
            left = lease_end(event) - standing.now
            return _Wait(left.total_seconds(), f"{event.tag}: Kaggle's list does not show it yet")
        problems = standing_problems(standing, spec, consent)
        if problems:
            raise not_sent(event, problems, "access")
        if quota := quota_problem(standing):
            if standing.limited_by_total:
                raise not_sent(event, [quota], "access")
            return _Wait(next_look(standing.now).total_seconds(), quota)
    try:
        return send(ledger, event, standing)
    except RefusedError as error:
        now = calls.read_standing(spec.slug)
        if error.cause == "file" and (quota := quota_problem(now)):  # the quota ran out meanwhile
            raise not_sent(event, [quota], "passing") from None
        raise


def _watched(job: JobSpec, run: RunDir, sent: Event, scored: list[Judged]) -> list[str]:
    """Follow a submission until it is scored, and add it to `scored`; returns the reasons if it was
    not scored."""
    try:
        scored.append(watch(job, run, sent))
    except ValueError as error:
        say(str(error))
        return [str(error)]
    return []


def _put_back(ledger: Ledger, last: Event) -> None:
    """Keep a submission in the queue after a refusal that was not about the submission's file."""
    if last.kind == "failed" and last.ref is None:
        with contextlib.suppress(OvertakenError):
            ledger.append(last.later("queued"))


def _queue(ledger: Ledger) -> list[Event]:
    """Return the waiting submissions of all runs. Submissions that may already be entered come
    last."""
    events = ledger.read()
    queued = {event.tag for event in events if event.kind == "queued"}
    waiting = [e for e in latest(events).values() if e.tag in queued]
    return sorted(
        (event for event in waiting if event.kind in ("queued", "sending")),
        key=lambda e: (e.kind == "sending", -e.score.mean if e.score else 0.0),
    )
