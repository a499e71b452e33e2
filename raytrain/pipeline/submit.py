"""`submit`: the CSV goes to Kaggle exactly once, whatever is lost on the way.

The ledger says `prepared` before anything is sent. The tag is made from the file's content and
stands in the submission's description on Kaggle, so before a file goes out, and after an answer
was lost, Kaggle's own list tells whether it is there.
"""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from raytrain.config.job import JobSpec
from raytrain.runs.ensemble import Ensemble
from raytrain.runs.files import read_json, write_bytes
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.layout import RunDir
from raytrain.submission import kaggle_client, ledger
from raytrain.submission.answers import Accepted, Refused
from raytrain.submission.credentials import CREDENTIALS_HELP, has_credentials
from raytrain.submission.ledger import Event, Score
from raytrain.submission.table import read_table


def prepare(job: JobSpec, run: RunDir) -> Event:
    """Put the run's submission.csv into the ledger; the same file again is the same event.

    The ledger keeps a copy under the tag, which a later `finalize` does not overwrite. Returns
    the submission's latest event. Raises ValueError when the CSV or its local score is missing.
    """
    _refuse(run, _missing(run))
    content = run.submission.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    tag = f"rt-{fingerprint(job.competition.name, job.run, digest)}"
    copy = run.ledger.parent / f"{tag}.csv"
    write_bytes(copy, content)
    ensemble = Ensemble.model_validate(read_json(run.ensemble))
    event = Event(
        kind="prepared",
        tag=tag,
        time=datetime.now(UTC),
        competition=job.competition.name,
        run=job.run,
        file=str(copy),
        sha256=digest,
        rows=len(read_table(copy)[1]),
        score=_local_score(run),
        members=tuple(member.fingerprint for member in ensemble.members),
    )
    return ledger.prepare(run.ledger, event)


def submit(job: JobSpec, run: RunDir) -> str:
    """Send the prepared file; returns what to print.

    Raises ValueError when something is missing, when a file of this content went out before,
    without credentials, and with Kaggle's reason when it does not take the file.
    """
    slug = job.competition.submission.slug
    problems = _missing(run)
    if slug is None:
        problems.append("competition.submission.slug: missing; it says which competition to enter")
    _refuse(run, problems)
    assert slug is not None
    with ledger.sending(run.ledger):
        digest = hashlib.sha256(run.submission.read_bytes()).hexdigest()
        before = ledger.sent_before(ledger.read_ledger(run.ledger), digest)
        if before:
            raise ValueError(
                f"{run.submission} was sent before: as {before.tag} of run {before.run}, "
                f"ref {before.ref}, {before.time:%Y-%m-%d %H:%M} UTC"
            )
        event = prepare(job, run)
        if not has_credentials():
            raise ValueError(f"{CREDENTIALS_HELP}\n{_safe(event)}")
        ref = _entered(event, slug, run.ledger)
        ledger.append_event(run.ledger, event.later("sent", ref=ref))
    assert event.score is not None
    return (
        f"sent {event.tag} to {slug}: ref {ref}, local out-of-fold {event.score.mean:.4f} "
        f"({event.score.low:.4f} .. {event.score.high:.4f})\n"
        f"its score: https://www.kaggle.com/competitions/{slug}/submissions"
    )


def _entered(event: Event, slug: str, book: Path) -> int:
    """Kaggle's number of the submission, which is entered unless it stands in the list."""
    assert event.score is not None
    message = f"raytrain {event.tag} oof {event.score.mean:.4f}"
    answer = kaggle_client.submit(slug, book.parent / f"{event.tag}.csv", message, event.tag)
    if isinstance(answer, Accepted):
        return answer.ref
    if isinstance(answer, Refused):
        ledger.append_event(book, event.later("failed", reason=answer.reason))
        raise ValueError(f"{event.tag} was not sent: {answer.reason}\n{_safe(event)}")
    lost = f"{event.tag}: the answer was lost, Kaggle may have taken it ({answer.reason})"
    try:
        for entry in kaggle_client.list_submissions(slug):
            if event.tag in entry.description:
                return entry.ref
    except ValueError as error:
        lost += f", and its list cannot be read ({error})"
    raise ValueError(
        f"{lost}\nIt is not known to stand in Kaggle's list. Run the same command again in a few "
        f"minutes: it looks into the list before it sends.\n{_safe(event)}"
    )


def _safe(event: Event) -> str:
    return (
        f"Nothing is lost: the submission is prepared at {event.file} and stands in the ledger; "
        "run the same command again."
    )


def _missing(run: RunDir) -> list[str]:
    """What must be there before a file is worth sending."""
    problems = []
    if not run.submission.is_file():
        problems.append(f"{run.submission}: missing; run `raytrain finalize`")
    if not run.ensemble.is_file():
        problems.append(
            f"{run.ensemble}: missing, so there is no local score; run `raytrain finalize`"
        )
    elif _local_score(run) is None:
        problems.append(f"{run.ensemble}: oof: no local score; run `raytrain finalize` again")
    return problems


def _local_score(run: RunDir) -> Score | None:
    oof = read_json(run.ensemble).get("oof") or {}
    if not all(isinstance(oof.get(key), float | int) for key in ("score", "low", "high")):
        return None
    return Score(mean=oof["score"], low=oof["low"], high=oof["high"])


def _refuse(run: RunDir, problems: list[str]) -> None:
    if problems:
        raise ValueError(f"{run.path}: nothing to submit\n  " + "\n  ".join(problems))
