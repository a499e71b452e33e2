"""One submission on its way to Kaggle: what is looked up before it goes out, and what was lost.

Kaggle's request to enter a file has no key that would make a second one harmless. So the ledger
says `sending` before it, the tag travels in the description, and whenever the ledger's last word is
`sending`, Kaggle's own list is read for the tag before anything is sent again.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from raytrain.config.competition import SubmissionSpec
from raytrain.config.job import JobSpec
from raytrain.pipeline.prepare import ledger_of
from raytrain.pipeline.worth import worth
from raytrain.runs.files import read_json
from raytrain.runs.layout import RunDir
from raytrain.submission import calls
from raytrain.submission.answers import Accepted, Refused, Standing
from raytrain.submission.events import Event, entered
from raytrain.submission.ledger import Ledger
from raytrain.submission.preflight import (
    Consent,
    quota_problem,
    standing_problems,
    standing_text,
)

LISTING_LAG = timedelta(minutes=5)
"""How long an accepted submission may be missing in Kaggle's list."""


def look_up(job: JobSpec, run: RunDir, event: Event, consent: Collection[Consent]) -> Standing:
    """Where the competition stands, printed with what speaks for the submission.

    Raises ValueError with all that speaks against sending it, but for the day's quota.
    """
    spec, now = job.competition.submission, datetime.now(UTC)
    assert spec.slug is not None
    try:
        standing = calls.read_standing(spec.slug)
    except ValueError as error:
        raise not_sent(event, [str(error)]) from None
    print(standing_text(standing, spec.slug, now), flush=True)
    if standing.tagged(event.tag):
        return standing
    _refuse_too_soon(event, now)
    value = worth(job, run, event, entered(ledger_of(job, run).read()))
    print("\n".join(value.lines()), flush=True)
    problems = standing_problems(standing, spec, consent, now) + value.problems(consent)
    if problems:
        raise not_sent(event, problems)
    return standing


def refuse_over_quota(event: Event, standing: Standing) -> None:
    """Raise ValueError when nothing more can be sent today and this one is not in yet."""
    problem = quota_problem(standing, datetime.now(UTC))
    if problem and not standing.tagged(event.tag):
        raise not_sent(event, [problem])


def send(ledger: Ledger, event: Event, standing: Standing) -> Event:
    """The `sent` event: of the entry that stands in Kaggle's list, or of a new one.

    Raises ValueError when Kaggle refuses it, or does not say whether it took it.
    """
    known = standing.tagged(event.tag)
    spec = _recorded(ledger, event)
    if known is None:
        event = event.later("sending")
        ledger.append(event)
    sent = event.later("sent", ref=known.ref if known else _entered(spec, ledger, event))
    ledger.append(sent)
    assert sent.score is not None
    score = f"{sent.score.mean:.4f} ({sent.score.low:.4f} .. {sent.score.high:.4f})"
    print(f"sent {sent.tag} to {spec.slug}: ref {sent.ref}, local out-of-fold {score}", flush=True)
    return sent


def not_sent(event: Event, problems: list[str]) -> ValueError:
    """The error that names all of them."""
    listed = problems[0] if len(problems) == 1 else "\n  ".join(["", *problems])
    return ValueError(f"{event.tag} was not sent: {listed}\n{safe(event)}")


def safe(event: Event) -> str:
    """That nothing is lost."""
    return (
        f"Nothing is lost: the submission is prepared at {event.file} and stands in the ledger; "
        "run the same command again."
    )


def _recorded(ledger: Ledger, event: Event) -> SubmissionSpec:
    """As the job had it when the submission was prepared: a queue holds those of several runs."""
    job = read_json(ledger.kept(f"{event.tag}.json"))["job"]
    return JobSpec.model_validate(job).competition.submission


def _refuse_too_soon(event: Event, now: datetime) -> None:
    """After a lost answer Kaggle's list is believed only once it had time to show the entry."""
    if event.kind == "sending" and now - event.time < LISTING_LAG:
        raise ValueError(
            f"{event.tag} went out at {event.time:%H:%M:%S} UTC by another process or with its "
            "answer lost, and Kaggle's list does not show it yet: run the same command again after "
            f"{event.time + LISTING_LAG:%H:%M:%S} UTC, so that it is not entered twice"
        )


def _entered(spec: SubmissionSpec, ledger: Ledger, event: Event) -> int:
    """Kaggle's number of the submission that goes out now."""
    assert event.score is not None
    assert spec.slug is not None
    message = f"raytrain {event.tag} oof {event.score.mean:.4f}"
    if spec.notebook is None:
        file = ledger.kept(f"{event.tag}.csv")
        answer = calls.submit(spec.slug, file, message, event.tag)
    else:
        answer = calls.submit_code(spec.slug, spec.notebook, message, event.tag)
    if isinstance(answer, Accepted):
        return answer.ref
    if isinstance(answer, Refused):
        ledger.append(event.later("failed", reason=answer.reason))
        raise not_sent(event, [answer.reason])
    lost = f"{event.tag}: the answer was lost, Kaggle may have taken it ({answer.reason})"
    try:
        found = calls.read_standing(spec.slug).tagged(event.tag)
        if found is not None:
            return found.ref
    except ValueError as error:
        lost += f", and its list cannot be read ({error})"
    raise ValueError(
        f"{lost}\nIt is not known to stand in Kaggle's list. Run the same command again after "
        f"{event.time + LISTING_LAG:%H:%M:%S} UTC: it looks into the list before it sends.\n"
        f"{safe(event)}"
    )
