"""`report`: one HTML page with the results of a run so far, at any stage of the pipeline."""

from datetime import UTC
from pathlib import Path

from raytrain.report.chosen import IMAGES, chosen_figures
from raytrain.report.comparison import ComparedStudy, as_csv, compared
from raytrain.report.confusion import confusion_figure
from raytrain.report.facts import RunFacts, read_facts
from raytrain.report.oof import read_oof
from raytrain.report.page import render, render_comparison
from raytrain.report.printed import write_figures
from raytrain.report.results import evaluation
from raytrain.report.study import curves, results, section
from raytrain.report.study_results import study_table
from raytrain.runs.files import sha256_of, write_bytes
from raytrain.runs.layout import RunDir
from raytrain.runs.mirror import send
from raytrain.submission.agreement import agreement
from raytrain.submission.events import Event
from raytrain.submission.ledger import Ledger


def report(run: RunDir, ledger: Ledger) -> Path:
    """Write `report.html` and its figures for print, and return the page's path. Raises ValueError
    when the data was never checked, or a file of the run is damaged."""
    facts, table = _facts(run, ledger), study_table(run)
    oof = read_oof(facts)
    study = section(table, [*results(table), *curves(table)]) if table else None
    kept = None
    try:
        images = chosen_figures(facts, oof)
    except ValueError:  # the page's own pictures say why
        images, kept = [], IMAGES
    matrices = confusion_figure(evaluation(facts), facts.data.classes)
    # Without a wish the page has these images already, in another form.
    shown = images if facts.job and facts.job.report.images else []
    write_bytes(run.report, render(facts, oof, study, shown, matrices).encode())
    printed = [*(study.figures if study else ()), *images, *([matrices] if matrices else ())]
    write_figures(run.figures, printed, kept)
    send(run.report, run.figures)
    return run.report


def compare_studies(storage: Path) -> tuple[list[ComparedStudy], tuple[Path, Path]]:
    """Write `comparison.html` and `comparison.csv` into the folder of all runs, and return the
    studies and both paths. Raises ValueError when no study in the folder has a result."""
    studies = compared(storage)
    page, table = storage / "comparison.html", storage / "comparison.csv"
    write_bytes(page, render_comparison(studies).encode())
    write_bytes(table, as_csv(studies).encode())
    return studies, (page, table)


def page_of(run: RunDir, ledger: Ledger, reload_s: int) -> str:
    """Return the report of a run as a live page, which asks for its parts again every `reload_s`
    seconds. Figures that take seconds to draw are left out.

    Raises ValueError when the data was never checked, or a file of the run is damaged.
    """
    facts, table = _facts(run, ledger), study_table(run)
    study = section(table, results(table)) if table else None
    return render(facts, read_oof(facts), study, [], None, reload_s)


def _facts(run: RunDir, ledger: Ledger) -> RunFacts:
    events = ledger.read()
    digest = sha256_of(run.submission) if run.submission.is_file() else ""
    own = {run.path.name, digest}  # another run may have entered the same file
    ours = [_row(event) for event in events if {event.run, event.sha256} & own]
    return read_facts(run, ours, agreement(events))


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
