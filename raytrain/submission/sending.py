"""Send one submission to Kaggle exactly once, despite lost answers, kills and concurrent processes.

The tag is part of the description, so Kaggle's list shows which submissions were entered.
`submission/lease.py` defines how long another process waits before it trusts the list.
"""

import contextlib
from collections.abc import Collection
from datetime import datetime

from raytrain.config.codes import CodedError
from raytrain.config.competition import SubmissionSpec
from raytrain.config.job import JobSpec
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import say
from raytrain.submission import calls
from raytrain.submission.answers import Accepted, Cause, Refused, RefusedError, Standing
from raytrain.submission.events import Event, entered, latest
from raytrain.submission.expected_gain import worth
from raytrain.submission.lease import enter_by, is_held, lease_end
from raytrain.submission.ledger import Ledger, OvertakenError, append_news, ledger_of
from raytrain.submission.preflight import (
    Consent,
    quota_of,
    quota_problem,
    standing_problems,
    standing_text,
)
from raytrain.submission.prepare import read_kept


def look_up(job: JobSpec, run: RunDir, event: Event, consent: Collection[Consent]) -> Standing:
    """Read the competition's rules and Kaggle's list. They are printed, with a comparison with
    earlier submissions.

    Raises ValueError with every objection to sending, except the day's quota.
    """
    spec = job.competition.submission
    assert spec.slug is not None
    try:
        standing = calls.read_standing(spec.slug)
    except RefusedError as error:
        raise not_sent(event, [str(error)], error.cause) from None
    say(standing_text(standing, spec.slug))
    if standing.tagged(event.tag):
        return standing
    _refuse_held(event, standing.now)
    value = worth(job, run, event, entered(ledger_of(job, run).read()))
    say("\n".join(value.lines()))
    problems = standing_problems(standing, spec, consent) + value.problems(consent)
    if problems:
        raise not_sent(event, problems, "access", standing)
    return standing


def refuse_over_quota(event: Event, standing: Standing) -> None:
    """Raise an error when the day's quota is used up, unless this submission is already entered."""
    problem = quota_problem(standing)
    if problem and not standing.tagged(event.tag):
        error = not_sent(event, [problem], "passing", standing)
        error.code = "quota"
        raise error


def send(ledger: Ledger, event: Event, standing: Standing) -> Event:
    """Enter the submission, unless that was done earlier or by another process; returns its latest
    event.

    Raises RefusedError when Kaggle refuses it, or does not say whether it accepted it, and
    OvertakenError while another process enters it.
    """
    spec = _recorded(ledger, event)
    known = standing.tagged(event.tag)
    if known is None:
        _refuse_held(event, standing.now)
        sent = _entered(spec, ledger, event)
    else:
        sent = event.later("sent", ref=known.ref)
    append_news(ledger, sent)
    assert sent.score is not None
    score = f"{sent.score.mean:.4f} ({sent.score.low:.4f} .. {sent.score.high:.4f})"
    say(f"sent {sent.tag} to {spec.slug}: ref {sent.ref}, out-of-fold score {score}")
    return sent


def not_sent(
    event: Event, problems: list[str], cause: Cause, standing: Standing | None = None
) -> RefusedError:
    """Return the error that lists all problems, with the quota if it is known."""
    listed = problems[0] if len(problems) == 1 else "\n  ".join(["", *problems])
    text = f"{event.tag} was not sent: {listed}\n{safe(event)}"
    error = RefusedError(text, cause, problems)
    if standing is not None:
        error.facts["quota"] = quota_of(standing)
    return error


def safe(event: Event) -> str:
    """Return a text that says where the prepared file is, and what to do next."""
    return (
        f"Nothing is lost: the prepared submission is {event.file} in the ledger's folder, which "
        "`raytrain ledger` names; run the same command again."
    )


def _recorded(ledger: Ledger, event: Event) -> SubmissionSpec:
    """Return the submission spec of the prepared event, because a queue holds submissions of
    several runs."""
    job = read_kept(ledger, event)["job"]
    return JobSpec.model_validate(job).competition.submission


def _refuse_held(event: Event, now: datetime) -> None:
    if is_held(event, now):
        raise CodedError(
            "locked",
            f"{event.tag}: sending began at {event.time:%H:%M:%S} UTC. Another process is still "
            "sending it, or Kaggle's answer was lost, and Kaggle's list does not show it yet. Run "
            f"the same command again after {lease_end(event):%H:%M:%S} UTC, so that it is not "
            "entered twice",
        )


def _entered(spec: SubmissionSpec, ledger: Ledger, event: Event) -> Event:
    """Upload the file, take the lease and enter it; returns the event of the entry. Raises
    RefusedError when the upload fails or Kaggle does not accept the entry, and OvertakenError when
    another process is entering it."""
    assert spec.slug is not None
    file = ledger.kept(f"{event.tag}.csv") if spec.notebook is None else None
    try:
        uploaded = calls.upload(spec.slug, file)
    except RefusedError as error:
        if error.cause == "file":
            _failed(ledger, event, str(error))
        raise not_sent(event, [str(error)], error.cause) from None
    known = uploaded.tagged(event.tag)  # entered by another process during the upload
    if known is not None:
        return event.later("sent", ref=known.ref)
    sending = event.later("sending", time=uploaded.now)
    try:
        ledger.append(sending)
    except OvertakenError:
        other = latest(ledger.read())[event.tag]
        if other.ref is None:
            raise
        return other
    return _answered(spec, ledger, sending, uploaded.token)


def _answered(spec: SubmissionSpec, ledger: Ledger, sending: Event, token: str) -> Event:
    """Enter the uploaded file under the lease, and find out whether Kaggle accepted it. Return the
    event `sent` if it did. Raises RefusedError when Kaggle refused the file, or when its answer was
    lost and its list does not show the entry yet."""
    assert sending.score is not None
    assert spec.slug is not None
    message = f"raytrain {sending.tag} oof {sending.score.mean:.4f}"
    by = enter_by(sending)
    answer = calls.enter(spec.slug, spec.notebook, token, message, sending.tag, by)
    if isinstance(answer, Accepted):
        return sending.later("sent", ref=answer.ref)
    if isinstance(answer, Refused):
        _failed(ledger, sending, answer.reason)
        raise not_sent(sending, [answer.reason], answer.cause)
    lost = f"{sending.tag}: Kaggle's answer was lost, so it may be entered ({answer.reason})"
    try:
        found = calls.read_standing(spec.slug).tagged(sending.tag)
        if found is not None:
            return sending.later("sent", ref=found.ref)
    except ValueError as error:
        lost += f", and Kaggle's list cannot be read ({error})"
    raise RefusedError(
        f"{lost}\nKaggle's list does not show it yet. Run the same command again after "
        f"{lease_end(sending):%H:%M:%S} UTC; it reads the list before it sends.\n"
        f"{safe(sending)}",
        "passing",
    )


def _failed(ledger: Ledger, event: Event, reason: str) -> None:
    with contextlib.suppress(OvertakenError):  # another process has taken over
        ledger.append(event.later("failed", reason=reason))
