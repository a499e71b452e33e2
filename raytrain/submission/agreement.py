"""The correlation of out-of-fold and public scores, over the entries that have both."""

from dataclasses import dataclass

import pandas as pd

from raytrain.submission.events import Event, Score, latest

FEWEST = 3
"""Smallest number of entries for a correlation: two points always lie on a line."""


@dataclass(frozen=True)
class Point:
    """One submission that has an out-of-fold score and a public score."""

    tag: str
    run: str | None
    oof: Score
    public: float


@dataclass(frozen=True)
class Agreement:
    """The agreement of out-of-fold and public scores, with all scored entries in the order in which
    they were prepared."""

    points: tuple[Point, ...]
    pearson: float | None
    """Pearson's correlation; None if there are too few entries, or if one of the scores never
    changes."""
    spearman: float | None

    @property
    def line(self) -> str:
        """The number of submissions with both scores, and Spearman's and Pearson's correlation, as
        one line of text. With too few different scores it says how many it needs."""
        text = f"submissions with an out-of-fold and a public score: {len(self.points)}"
        if self.pearson is None or self.spearman is None:
            return f"{text}; a correlation needs {FEWEST} submissions with different scores"
        return f"{text}; correlation: Spearman {self.spearman:.2f}, Pearson {self.pearson:.2f}"


def agreement(events: list[Event]) -> Agreement:
    """Return the agreement of out-of-fold and public scores, from the latest event of each
    submission."""
    points = tuple(
        Point(event.tag, event.run, event.score, event.public)
        for event in latest(events).values()
        if event.score is not None and event.public is not None
    )
    scores = pd.DataFrame(
        {"oof": [p.oof.mean for p in points], "public": [p.public for p in points]}, dtype=float
    )
    if len(points) < FEWEST or (scores.nunique() < 2).any():
        return Agreement(points, None, None)
    # Spearman's correlation is Pearson's of the ranks, where ties share their mean.
    found = [float(each["oof"].corr(each["public"])) for each in (scores, scores.rank())]
    return Agreement(points, found[0], found[1])
