"""`report`: one HTML page with the results of a run so far, at any stage of the pipeline."""

import hashlib
from datetime import UTC
from pathlib import Path

from raytrain.report.facts import read_facts
from raytrain.report.page import render
from raytrain.report.study import section
from raytrain.report.study_results import study_table
from raytrain.runs.files import write_bytes
from raytrain.runs.layout import RunDir
from raytrain.submission.agreement import agreement
from raytrain.submission.events import Event
from raytrain.submission.ledger import Ledger


def report(run: RunDir, ledger: Ledger) -> Path:
    """Write `report.html` and return its path. Raises ValueError like `page_of`."""
    write_bytes(run.report, page_of(run, ledger, 0).encode())
    return run.report


def page_of(run: RunDir, ledger: Ledger, reload_s: int) -> str:
    """Return the page; if `reload_s` is not 0, it asks for its parts again after these seconds.

    Raises ValueError when the data was never checked, or a file of the run is damaged.
    """
    events = ledger.read()
    own = {run.path.name, _digest(run)}  # another run may have entered the same file
    ours = [_row(event) for event in events if {event.run, event.sha256} & own]
    facts = read_facts(run, ours, agreement(events))
    study = study_table(run)
    return render(facts, section(study) if study else None, reload_s)


def _digest(run: RunDir) -> str:
    file = run.submission
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def _row(event: Event) -> dict[str, str]:
    return {
        "time": f"{event.time.astimezone(UTC):%Y-%m-%d %H:%M}",
        "state": event.kind,
        "tag": event.tag,
        "sha256": event.sha256 or "",
        "oof": _number(event.score.mean if event.score else None),
        "ref": "" if event.ref is None else str(event.ref),
        "public": _number(event.public),
        "private": _number(event.private),
        "reason": event.reason or "",
    }


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
