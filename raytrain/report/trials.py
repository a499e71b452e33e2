"""The trials in the form in which the page's script draws them: curves, and one axis for each
factor."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from raytrain.config.trial import TrialSpec
from raytrain.report.facts import RunFacts, series_label
from raytrain.report.palette import VARIABLES, series_colors
from raytrain.runs.history import Row, best_row
from raytrain.search.factors import Value, factors, importances

CURVES = ("val_score", "train_loss", "val_loss")
MOST_POINTS = 200
"""Largest number of points of a curve; longer histories are thinned out."""
DIGITS = 5


@dataclass(frozen=True)
class Drawn:
    """One trial, in the form in which the page's script draws it."""

    id: str
    name: str
    status: str
    """The status in the record, or `open` without a record."""
    searched: bool
    spec: TrialSpec
    rows: Sequence[Row]

    @property
    def score(self) -> float | None:
        """The best validation score so far; None before a validation."""
        best = best_row(list(self.rows))
        return float(best["val_score"]) if best else None


@dataclass(frozen=True)
class Importance:
    """How much one factor of the search matters."""

    factor: str
    share: float
    """Share of the scores' variance that the factor explains, 0 .. 1."""


@dataclass(frozen=True)
class Drawings:
    """The trials for the page's script, and the colors and counts for the page's legends and
    captions."""

    content: Markup
    """The trials as JSON that is safe inside an element `script`."""
    series: dict[str, str]
    """Network and loss -> color, as CSS."""
    searched: int
    """Number of trials of the search."""
    stopped: int
    axes: int
    """Number of factors that differ between the trials."""
    importances: list[Importance]
    scored: int
    """Number of trials from which the importances are estimated."""


def drawings(facts: RunFacts) -> Drawings:
    """Return all trials of the search and single trainings, with and without a record."""
    trials = list(_drawn(facts))
    searched = [trial for trial in trials if trial.searched]
    colors = series_colors([series_label(trial.spec) for trial in trials])
    values = factors(facts.job, [trial.spec for trial in searched])
    scores = [trial.score for trial in searched]
    known = [place for place, score in enumerate(scores) if score is not None]
    shares = importances(
        {path: [column[place] for place in known] for path, column in values.items()},
        [score for score in scores if score is not None],
    )
    tree = {
        "metric": facts.metric,
        "rungs": _rung_epochs(facts),
        "axes": [_axis(path, column) for path, column in values.items()],
        "trials": [
            _tree(trial, colors[series_label(trial.spec)]) | {"at": _row_of(values, place)}
            for place, trial in enumerate([*searched, *(t for t in trials if not t.searched)])
        ],
    }
    return Drawings(
        content=_embedded(tree),
        series={label: _css(color) for label, color in colors.items()},
        searched=len(searched),
        stopped=sum(trial.status == "stopped" for trial in searched),
        axes=len(values),
        importances=[Importance(path, share) for path, share in shares.items()],
        scored=len(known),
    )


def _rung_epochs(facts: RunFacts) -> list[int]:
    """Return the epochs at which trials were compared. Before the first decision, return the
    planned epochs."""
    if facts.events or facts.job is None:
        return sorted({event.epoch for event in facts.events})
    return facts.job.search.scheduler.rungs(facts.job.trial.epochs)


def _drawn(facts: RunFacts) -> Iterator[Drawn]:
    alone = [record for record in facts.others if record.station == "train"]
    for record in (*facts.trials, *alone):
        rows = facts.histories[record.fingerprint]
        searched = record.station == "search"
        yield Drawn(
            record.fingerprint, record.name, record.status, searched, record.spec, rows
        )  # fmt: skip
    for each in facts.under_way:
        yield Drawn(each.fingerprint, each.name, "open", each.searched, each.spec, each.rows)


def _tree(trial: Drawn, color: str) -> dict[str, Any]:
    step = math.ceil(len(trial.rows) / MOST_POINTS) or 1
    # From the end, so that the last epoch is always there.
    rows = trial.rows[::-1][::step][::-1]
    return {
        "id": trial.id,
        "name": trial.name,
        "status": trial.status,
        "group": "search" if trial.searched else "train",
        "color": _css(color),
        "score": _rounded(trial.score),
        "epochs": [row["epoch"] for row in rows],
        **{key: [_rounded(row.get(key)) for row in rows] for key in CURVES},
    }


def _row_of(values: dict[str, list[Value]], place: int) -> list[Value]:
    """Return a trial's value of each factor; none for a single training."""
    return [column[place] for column in values.values() if place < len(column)]


def _axis(path: str, column: list[Value]) -> dict[str, Any]:
    numbers = [value for value in column if isinstance(value, int | float)]
    if len(numbers) < len(column):
        return {"name": path, "labels": sorted(set(map(str, column)))}
    low, high = min(numbers), max(numbers)
    return {"name": path, "low": low, "high": high, "log": low > 0 and high / low >= 10}


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")


def _css(color: str) -> str:
    return f"var(--{VARIABLES[color]})"


def _embedded(tree: dict[str, Any]) -> Markup:
    """Return JSON that no HTML parser mistakes for markup."""
    return Markup(json.dumps(tree, allow_nan=False).replace("<", "\\u003c"))
