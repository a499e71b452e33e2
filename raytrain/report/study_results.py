"""A study's table, read from the records of its run."""

import math

import numpy as np

from raytrain.config.metrics import MetricSpec
from raytrain.config.models import PixelsBase
from raytrain.config.study import StatedSpec, StudySpec, choice_label
from raytrain.metrics import gathered, score
from raytrain.metrics.bootstrap import interval
from raytrain.metrics.oof_file import OofEvidence, read_oof_evidence
from raytrain.report.study_table import Cell, Choice, Spread, StudyTable, in_words
from raytrain.runs.history import read_history
from raytrain.runs.jobs import read_job
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record
from raytrain.search.configurations import Configuration, configurations, mean_interval
from raytrain.search.leaderboard import ranked


def study_table(run: RunDir) -> StudyTable | None:
    """Return the study of a run's job, from the run's records; None for a run without a study, and
    before the first trial has a score."""
    job = read_job(run)
    if job is None or job.study is None:
        return None
    board = [each for each in configurations(ranked(run)) if each.mean is not None]
    if not board:
        return None
    study, factors = job.study, tuple(job.search.space)
    choices = [_choice(run, study, factors, each) for each in board]
    choices.sort(key=_rank)
    repeats = max(len(each.counted) for each in board)
    return StudyTable(
        source=study.source,
        stated=study.stated,
        same_measure=study.same_measure,
        same_images=study.same_images,
        factors=factors,
        measures=tuple(measure.label for measure in study.measures),
        choices=choices,
        cells=[
            cell for stated in study.figures for cell in _cells(study, stated, factors, choices)
        ],
        over="repeats" if repeats > 1 else "draws of groups of images",
    )


def _rank(choice: Choice) -> tuple[bool, float, tuple[str, ...]]:
    """Return the key that sorts by the first measure, best first."""
    first = choice.ours[0]
    return (first is None, -(first.mean if first else 0.0), choice.labels)


def _choice(run: RunDir, study: StudySpec, factors: tuple[str, ...], each: Configuration) -> Choice:
    labels = tuple(choice_label(each.spec, factor) for factor in factors)
    at = dict(zip(factors, labels, strict=True))
    own = [stated for stated in study.figures if stated.at == at]
    known = [_evidence(run, record) for record in each.counted]
    return Choice(
        labels=labels,
        numbers=tuple(map(_number, labels)),
        loss=each.spec.loss_label,
        gradients=not isinstance(each.spec.model, PixelsBase),
        ours=tuple(_spread(known, measure) for measure in study.measures),
        stated=_figures(study, own[0]) if own else (None,) * len(study.measures),
        best_epochs=tuple(best["epoch"] for best in each.bests),
        histories=[read_history(run.trial(record.fingerprint).history) for record in each.counted],
    )


def _figures(study: StudySpec, stated: StatedSpec) -> tuple[float | None, ...]:
    return tuple(stated.figures.get(measure.key) for measure in study.measures)


def _best(stated: StatedSpec, factors: tuple[str, ...], choices: list[Choice]) -> Choice | None:
    """Return our best choice with the stated labels; None while there is none."""
    for choice in choices:
        labels = dict(zip(factors, choice.labels, strict=True))
        if stated.at.items() <= labels.items():
            return choice
    return None


def _cells(
    study: StudySpec, stated: StatedSpec, factors: tuple[str, ...], choices: list[Choice]
) -> list[Cell]:
    best = _best(stated, factors, choices)
    of = in_words(stated.at) or "the best of all"
    of = of if stated.at.keys() in (set(), set(factors)) else f"the best of {of}"
    pairs = zip(study.measures, _figures(study, stated), strict=True)
    return [
        Cell(
            choice=of,
            measure=measure.label,
            theirs=theirs,
            ours=best.ours[place] if best else None,
            ours_is=best.words(factors) if best else "",
        )
        for place, (measure, theirs) in enumerate(pairs)
        if theirs is not None
    ]


def _evidence(run: RunDir, record: Record) -> OofEvidence | None:
    path = run.trial(record.fingerprint).evidence
    return read_oof_evidence(path) if path.is_file() else None


def _spread(known: list[OofEvidence | None], measure: MetricSpec) -> Spread | None:
    """Return the spread of a measure; None if a repeat did not keep the evidence for the
    measure."""
    values = []
    for oof in known:
        if oof is None or not set(gathered(measure)) <= set(oof.evidence.gathered):
            return None
        values.append(score(measure, oof.evidence))
    if not all(map(math.isfinite, values)):
        return None
    low, high = mean_interval(values) or (None, None)
    if len(known) == 1 and known[0] is not None:
        low, high = interval(known[0].evidence, np.array(known[0].groups), measure)
    return Spread(tuple(values), low, high)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
