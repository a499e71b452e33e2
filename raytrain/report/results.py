"""The section with results: the headline, the evaluation and the submission."""

import csv
from dataclasses import dataclass

from markupsafe import Markup

from raytrain.report.facts import LedgerRow, RunFacts, written
from raytrain.report.figures import out_of_fold_against_public
from raytrain.runs.files import read_lines, sha256_of
from raytrain.runs.record import Record
from raytrain.submission.agreement import Agreement


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
class Submission:
    """The submission file and its history."""

    path: str
    rows: int
    sha256: str
    kilobytes: float
    written: str
    events: list[LedgerRow]
    """Events of this run's submissions, oldest first."""
    agreement: Agreement
    against_public: Markup | None
    """Figure of out-of-fold against public scores, if there are at least two entries."""


def headline(facts: RunFacts) -> Headline:
    """Return the headline. It has the out-of-fold score, if there is one."""
    best = next((record for record in facts.trials if record.best), None)
    if facts.ensemble is None:
        return Headline("", None, 0, 0, 0, 0, best)
    oof = facts.ensemble.oof
    members = len(facts.ensemble.members)
    return Headline(
        oof["metric"], oof["score"], oof["low"], oof["high"], oof["images"], members, best
    )


def evaluation(facts: RunFacts) -> list[dict[str, str]]:
    """Return the rows of the ensemble's `evaluation.csv` or, without an ensemble, of a training's.
    There are none before `raytrain evaluate`."""
    path = facts.run.evaluation
    if facts.ensemble is None and facts.evaluated is not None:
        path = facts.evaluated.evaluation
    if not path.is_file():
        return []
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def submission(facts: RunFacts) -> Submission | None:
    """Return the facts about the submission file, or None if there is none. The rows are counted
    and the hash is computed from its current content."""
    path = facts.run.submission
    if not path.is_file():
        return None
    found, drawn = facts.agreement, None
    if len(found.points) > 1:
        alt = f"Public against out-of-fold score of {len(found.points)} entries"
        drawn = out_of_fold_against_public(found, facts.run.path.name, alt)
    return Submission(
        path=str(path),
        rows=len(read_lines(path)) - 1,
        sha256=sha256_of(path),
        kilobytes=path.stat().st_size / 1000,
        written=written(path),
        events=list(facts.ledger),
        agreement=found,
        against_public=drawn,
    )
