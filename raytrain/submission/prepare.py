"""Record a submission in the ledger before it is sent, with everything that is needed to rebuild
it.

The ledger's folder also holds three files per submission. `<tag>.csv` is the file to send.
`<tag>.json` is the job and the ensemble, from which `reproduce` rebuilds the file. `<tag>.npz` is
the out-of-fold evidence, for comparison with others. A later `finalize` of the run overwrites none
of them.
"""

import hashlib
import json
import subprocess
from datetime import UTC, datetime
from typing import Any

from raytrain.config.codes import CodedError
from raytrain.config.job import JobSpec
from raytrain.data.report import read_report
from raytrain.data.shown_classes import located
from raytrain.data.tables import read_table
from raytrain.runs.ensemble import read_ensemble
from raytrain.runs.files import read_json
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import warn
from raytrain.submission.checks import check_submission
from raytrain.submission.events import Event, Score, latest
from raytrain.submission.ledger import Ledger, append_prepared, ledger_of
from raytrain.submission.table import predicted_masks


def prepare(job: JobSpec, run: RunDir, earlier: int) -> Event:
    """Add the run's submission.csv to the ledger.

    The same file is the same submission, whichever run it comes from. It is a new submission only
    if `earlier` submissions of it were entered and the user wants to send it again. Returns the
    submission's latest event. Raises ValueError when the CSV or its out-of-fold score is missing.
    """
    refuse(run, missing(run))
    cells = [row[-1].strip() for row in read_table(run.submission).rows]
    if not any(cell not in ("", job.competition.submission.empty) for cell in cells):
        warn(
            f"ALL {len(cells)} MASKS ARE EMPTY: {run.submission} HAS NO FOREGROUND PIXEL; "
            "LOOK AT THE MASKS BEFORE YOU SEND IT"
        )
    content = run.submission.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    notebook = job.competition.submission.notebook
    label = notebook.label if notebook else None
    tag = f"rt-{fingerprint(job.competition.name, digest, label, earlier)}"
    ledger = ledger_of(job, run)
    known = latest(ledger.read()).get(tag)
    if known is not None and known.run != job.run:
        return known
    file = ledger.keep(f"{tag}.csv", content)
    ensemble = read_ensemble(run)
    record = {"job": job.model_dump(mode="json"), "ensemble": ensemble.model_dump(mode="json")}
    ledger.keep(f"{tag}.json", json.dumps(record, indent=1).encode())
    ledger.keep(f"{tag}.npz", run.evidence.read_bytes())
    event = Event(
        kind="prepared",
        tag=tag,
        time=datetime.now(UTC),
        competition=job.competition.name,
        run=job.run,
        file=file.name,
        sha256=digest,
        rows=len(cells),
        score=_local_score(run),
        members=tuple(member.fingerprint for member, _, _ in ensemble.members),
        commit=_commit(),
        notebook=label,
    )
    return append_prepared(ledger, event)


def read_kept(ledger: Ledger, event: Event) -> Any:
    """Return the content of a submission's `<tag>.json`. Raises DamagedError when the file is
    damaged."""
    remedy = "restore it from a copy of the ledger's folder"
    return read_json(ledger.kept(f"{event.tag}.json"), remedy)


def missing(run: RunDir) -> list[str]:
    """Return a problem for each missing file or score that a submission needs."""
    problems = []
    for path in (run.submission, run.evidence, run.data_report):
        if not path.is_file():
            problems.append(f"{path}: missing; run `raytrain finalize`")
    if not run.ensemble.is_file():
        problems.append(
            f"{run.ensemble}: missing, so there is no out-of-fold score; run `raytrain finalize`"
        )
    elif _local_score(run) is None:
        problems.append(
            f"{run.ensemble}: it has no out-of-fold score (oof); run `raytrain finalize` again"
        )
    return problems


def faults(job: JobSpec, run: RunDir) -> list[str]:
    """Return the problems of the CSV, compared with the predicted masks."""
    report = read_report(run.data_report)
    try:
        return check_submission(
            run.submission, located(job.competition), predicted_masks(run, report),
            report.classes, report.target,
        )  # fmt: skip
    except ValueError as error:
        return [str(error)]


def refuse(run: RunDir, problems: list[str]) -> None:
    """Raise ValueError that lists the problems, if there are any."""
    if problems:
        text = "\n  ".join([f"{run.path}: the submission is not ready", *problems])
        raise CodedError("missing", text, problems)


def _local_score(run: RunDir) -> Score | None:
    oof = read_ensemble(run).oof
    if not all(isinstance(oof.get(key), float | int) for key in ("score", "low", "high")):
        return None
    return Score(mean=oof["score"], low=oof["low"], high=oof["high"])


def _commit() -> str | None:
    """Return the commit of the working directory, or None without a repository."""
    told = []
    for words in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain"]):
        try:
            done = subprocess.run(["git", *words], capture_output=True, text=True, timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            return None
        if done.returncode:
            return None
        told.append(done.stdout.strip())
    return told[0] + ("+" if told[1] else "")
