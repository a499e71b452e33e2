"""The results: the headline, the members' out-of-fold scores and the submission."""

import csv
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from raytrain.report.facts import LedgerRow, RunFacts, written
from raytrain.report.figures import (
    Interval,
    image_scores,
    intervals,
    out_of_fold_against_public,
)
from raytrain.report.oof import Oof
from raytrain.runs.ensemble import JoinedMember, Member
from raytrain.runs.files import read_lines
from raytrain.runs.record import Record
from raytrain.submission.agreement import Agreement

MEAN = "mean"


@dataclass(frozen=True)
class Headline:
    """The main score of the run, and its origin."""

    metric: str
    score: float | None
    low: float
    high: float
    images: int
    members: int
    best: Record | None
    """The best trial of the search, shown before there is an ensemble."""


@dataclass(frozen=True)
class Members:
    """The ensemble: only out-of-fold scores, because its networks were trained on every label."""

    members: tuple[Member | JoinedMember, ...]
    scores: list[Interval]
    """One interval per member, and one for their mean."""
    metric: str
    labeled: int
    intervals: Markup
    images: Markup | None
    confusion: list[list[float]] | None
    """Share of the true class's pixels (row) that the mean assigned to each class (column)."""


@dataclass(frozen=True)
class Submission:
    """The submission file and its history."""

    path: str
    rows: int
    sha256: str
    kilobytes: float
    written: str
    events: list[LedgerRow]
    """Events of this run, oldest first."""
    agreement: Agreement
    against_public: Markup | None
    """Drawn if there are at least two entries."""


def headline(facts: RunFacts) -> Headline:
    """Return the out-of-fold score if there is one."""
    best = next((record for record in facts.trials if record.best), None)
    if facts.ensemble is None:
        return Headline("", None, 0, 0, 0, 0, best)
    oof = facts.ensemble.oof
    members = len(facts.ensemble.shares)
    return Headline(
        oof["metric"], oof["score"], oof["low"], oof["high"], oof["images"], members, best
    )


def members(facts: RunFacts, oof: Oof) -> Members | None:
    """Return each member and their mean."""
    if facts.ensemble is None:
        return None
    found = facts.ensemble.shares
    scores = [_interval(f"member {n}", member.oof) for n, member in enumerate(found, 1)]
    scores.append(_interval(MEAN, facts.ensemble.oof))
    classes = facts.data.classes
    each = None
    if oof.images:
        scores_NK = np.array([image.per_class for image in oof.images])
        each = image_scores(
            scores_NK, classes, f"Out-of-fold Dice of each of {len(scores_NK)} images by class"
        )
    metric = facts.ensemble.oof["metric"]
    alt = f"Out-of-fold {metric} with its interval for {len(found)} members and their mean"
    return Members(
        members=found,
        scores=scores,
        metric=metric,
        labeled=len(facts.data.ids("train", "val")),
        intervals=intervals(scores, metric, classes, alt),
        images=each,
        confusion=_shares(facts.ensemble.oof["confusion"]),
    )


def _shares(confusion: list[list[int]] | None) -> list[list[float]] | None:
    """Return each row's shares of its pixels; 0 for a class without any."""
    if confusion is None:
        return None
    return [[count / max(1, sum(row)) for count in row] for row in confusion]


def evaluation(facts: RunFacts) -> list[dict[str, str]]:
    """Return the rows of `evaluation.csv`; none before `raytrain evaluate`."""
    path = facts.run.evaluation
    if not path.is_file():
        return []
    return list(csv.DictReader(path.read_text().splitlines()))


def submission(facts: RunFacts) -> Submission | None:
    """Return the file's facts, with rows counted and hash computed from its current content."""
    path = facts.run.submission
    if not path.is_file():
        return None
    content = path.read_bytes()
    found, drawn = facts.agreement, None
    if len(found.points) > 1:
        alt = f"Public against out-of-fold score of {len(found.points)} entries"
        drawn = out_of_fold_against_public(found, facts.run.path.name, alt)
    return Submission(
        path=str(path),
        rows=len(read_lines(path)) - 1,
        sha256=hashlib.sha256(content).hexdigest(),
        kilobytes=len(content) / 1000,
        written=written(path),
        events=list(facts.ledger),
        agreement=found,
        against_public=drawn,
    )


def _interval(name: str, oof: dict[str, Any]) -> Interval:
    return Interval(name, oof["score"], oof["low"], oof["high"], oof["per_class"])
