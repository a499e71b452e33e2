"""A study's table: our measures of every choice next to the figures that its source states."""

import csv
import io
import math
from statistics import fmean, stdev

from rich.table import Table

from raytrain.config.metrics import MetricSpec
from raytrain.config.study import StatedSpec, StudySpec, choice_label
from raytrain.metrics import gathered, score
from raytrain.metrics.oof_file import OofEvidence, read_oof_evidence
from raytrain.report.study import (
    BestOf,
    Choice,
    Spread,
    StudyTable,
    best_of_cells,
    cells,
    columns,
)
from raytrain.report.terminal import as_text
from raytrain.runs.files import write_bytes
from raytrain.runs.history import read_history
from raytrain.runs.jobs import read_job
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record
from raytrain.search.configurations import Configuration, configurations
from raytrain.search.leaderboard import ranked


def study_table(run: RunDir) -> StudyTable | None:
    """Return the study that a run's job names, from its records; None for other runs, and before
    the first trial has a score."""
    job = read_job(run)
    if job is None or job.study is None:
        return None
    board = [each for each in configurations(ranked(run)) if each.mean is not None]
    if not board:
        return None
    study, factors = job.study, tuple(job.search.space)
    choices = [_choice(run, study, factors, each) for each in board]
    return StudyTable(
        source=study.source,
        stated=study.stated,
        factors=factors,
        measures=tuple(measure.label for measure in study.measures),
        choices=choices,
        best_of=[
            found
            for stated in study.figures
            if stated.at.keys() != set(factors)
            and (found := _best_of(study, stated, factors, choices))
        ],
    )


def write_study(run: RunDir, table: StudyTable) -> None:
    """Write the table to `study.csv` as it is shown."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([columns(table), *cells(table)])
    write_bytes(run.study, text.getvalue().encode())


def study_text(table: StudyTable) -> str:
    """Return the tables for the terminal."""
    title = f"{table.source}; there: {table.stated}"
    parts = [_as_table(title, columns(table), cells(table))]
    if table.best_of:
        sides = [name for measure in table.measures for name in (measure, f"{measure} there")]
        heads = ["the best of", *sides, "ours is"]
        parts.append(_as_table("stated for the best of several", heads, best_of_cells(table)))
    return "\n".join(parts)


def _as_table(title: str, heads: list[str], body: list[list[str]]) -> str:
    table = Table(title=title, title_justify="left")
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in body:
        table.add_row(*row)
    return as_text(table)


def _choice(run: RunDir, study: StudySpec, factors: tuple[str, ...], each: Configuration) -> Choice:
    labels = tuple(choice_label(each.spec, factor) for factor in factors)
    at = dict(zip(factors, labels, strict=True))
    own = [stated for stated in study.figures if stated.at == at]
    known = [_evidence(run, record) for record in each.counted]
    return Choice(
        labels=labels,
        ours=tuple(_spread(known, measure) for measure in study.measures),
        stated=_figures(study, own[0]) if own else (None,) * len(study.measures),
        best_epochs=tuple(best["epoch"] for best in each.bests),
        histories=[read_history(run.trial(record.fingerprint).history) for record in each.counted],
    )


def _figures(study: StudySpec, stated: StatedSpec) -> tuple[float | None, ...]:
    return tuple(stated.figures.get(measure.key) for measure in study.measures)


def _best_of(
    study: StudySpec, stated: StatedSpec, factors: tuple[str, ...], choices: list[Choice]
) -> BestOf | None:
    """Return our best choice that has the stated labels; None while there is none."""
    for choice in choices:
        labels = dict(zip(factors, choice.labels, strict=True))
        if stated.at.items() <= labels.items():
            return BestOf(", ".join(stated.at.values()), _figures(study, stated), choice)
    return None


def _evidence(run: RunDir, record: Record) -> OofEvidence | None:
    path = run.trial(record.fingerprint).evidence
    return read_oof_evidence(path) if path.is_file() else None


def _spread(known: list[OofEvidence | None], measure: MetricSpec) -> Spread | None:
    """Return the spread of a measure; None unless every repeat kept the evidence for it."""
    values = []
    for oof in known:
        if oof is None or not set(gathered(measure)) <= set(oof.evidence.gathered):
            return None
        values.append(score(measure, oof.evidence))
    if not all(map(math.isfinite, values)):
        return None
    return Spread(fmean(values), stdev(values) if len(values) > 1 else None, len(values))
