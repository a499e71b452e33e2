"""The section on the ensemble: its candidates with their out-of-fold scores, and what was
compared."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from raytrain.config.metrics import (
    DiceMetricSpec,
    F1MetricSpec,
    IoUMetricSpec,
    MetricSpec,
    PrecisionMetricSpec,
    RecallMetricSpec,
)
from raytrain.report.facts import RunFacts
from raytrain.report.figures import Interval, image_scores, intervals, step_curves
from raytrain.report.oof import Oof
from raytrain.runs.ensemble import GROUPS, Comparison, Ensemble, looked_at
from raytrain.runs.messages import counted
from raytrain.runs.soft import temperatures_text


@dataclass(frozen=True)
class MemberRow:
    """One candidate of the ensemble, or the ensemble itself, with its out-of-fold score."""

    score: Interval
    configuration: str
    fingerprint: str
    source: str
    """The candidate's networks, or the words that it is a teammate's maps."""
    weight: str
    views: str


@dataclass(frozen=True)
class Members:
    """The ensemble's scores. All of them are out of fold, because its networks were trained on
    every label."""

    rows: list[MemberRow]
    """The candidates and, last, the ensemble."""
    ensemble: str
    metric: str
    class_metric: str
    """Name of the metric in the columns of the classes."""
    looked_at: str
    """The labeled images from which the ensemble was chosen, in words."""
    intervals: Markup
    images: Markup | None
    confusion: list[list[float]] | None
    """Share of the true class's pixels (row) that the ensemble assigned to each class (column)."""
    comparisons: tuple[Comparison, ...]
    temperatures: list[str]
    """The temperatures of each self-training, in words."""
    least: int
    """Smallest number of groups that a richer choice must score differently."""
    curves: list[tuple[str, Markup]]
    """Pairs of a step's name and the score at each value of its parameter."""
    disagreement: list[tuple[str, list[str]]]
    """For each candidate, the shares of pixels on which it differs from each other candidate."""


def members(facts: RunFacts, oof: Oof) -> Members | None:
    """Return a row for each candidate and for the ensemble; None without an ensemble."""
    ensemble = facts.ensemble
    if ensemble is None:
        return None
    spec = facts.job.competition.metric if facts.job else None
    key = _class_key(spec)
    key = key if key in ensemble.oof.get("classes", {}) else None
    rows = [_member_row(n, ensemble, key) for n in range(len(ensemble.candidates))]
    whole = _interval("ensemble", ensemble.oof, key)
    rows.append(MemberRow(whole, ensemble.text, ensemble.fingerprint, "", "", ""))
    classes = facts.data.classes
    each = None
    if oof.images:
        scores_NK = np.array([image.per_class for image in oof.images])
        each = image_scores(
            scores_NK, classes, f"Out-of-fold Dice of each of {len(scores_NK)} images by class"
        )
    metric = ensemble.oof["metric"]
    class_metric = metric if key else "Dice"
    alt = f"Out-of-fold {metric} with its interval for {len(rows) - 1} candidates and the ensemble"
    return Members(
        rows=rows,
        ensemble=ensemble.text,
        metric=metric,
        class_metric=class_metric,
        looked_at=looked_at(ensemble.chosen_on, ensemble.oof["images"]),
        intervals=intervals(
            [row.score for row in rows], metric, classes if class_metric == metric else (), alt
        ),
        images=each,
        confusion=_shares(ensemble.oof["confusion"]),
        comparisons=ensemble.comparisons,
        temperatures=[
            temperatures_text(row.temperatures) for row in ensemble.comparisons if row.temperatures
        ],
        least=GROUPS,
        curves=[(row.name, step_curves(row, metric)) for row in ensemble.comparisons if row.curves],
        disagreement=[
            (row.score.name, [f"{100 * share:.1f} %" for share in shares])
            for row, shares in zip(rows, ensemble.disagreement, strict=False)
        ],
    )


def _member_row(place: int, ensemble: Ensemble, key: str | None) -> MemberRow:
    candidate, weight = ensemble.candidates[place], ensemble.chosen.weights[place]
    total = sum(ensemble.chosen.weights)
    source = "the maps of a teammate"
    if candidate.maps is None:
        ranks = {network.ranks for network in candidate.networks}
        source = counted(len(candidate.networks), "network")
        source += f", {counted(max(ranks), 'worker')}" if ranks else ""
    return MemberRow(
        score=_interval(f"candidate {place + 1}", candidate.oof, key),
        configuration=candidate.name,
        fingerprint=candidate.fingerprint,
        source=source,
        weight=f"{100 * weight / total:.0f} %" if weight else "left out",
        views=", ".join(ensemble.chosen.views[place]),
    )


def _shares(confusion: list[list[int]] | None) -> list[list[float]] | None:
    """Return the shares of each row's pixels; 0 for a class without pixels."""
    if confusion is None:
        return None
    return [[count / max(1, sum(row)) for count in row] for row in confusion]


def _interval(name: str, oof: dict[str, Any], key: str | None) -> Interval:
    per_class = oof["classes"][key][1:] if key else oof["per_class"]
    return Interval(name, oof["score"], oof["low"], oof["high"], per_class)


def _class_key(spec: MetricSpec | None) -> str | None:
    """Return the column of the class table with the metric of each class. None if there is none, so
    that Dice is shown instead."""
    match spec:
        case PrecisionMetricSpec() | RecallMetricSpec() | F1MetricSpec():
            return spec.name if (spec.over, spec.empty) == ("set", 0) else None
        case DiceMetricSpec() | IoUMetricSpec() if spec.empty == 1:
            return spec.name if spec.over == "images" else f"{spec.name}_set"
    return None
