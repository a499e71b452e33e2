"""What the functions of the Python interface return. `repr` does not show large values."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # all of them take long to import
    import pandas as pd

    from raytrain.data.folds import Folds
    from raytrain.data.report import DataReport
    from raytrain.metrics.evaluation import Evaluation
    from raytrain.pipeline.draft import Draft
    from raytrain.runs.ensemble import Ensemble
    from raytrain.runs.layout import RunDir
    from raytrain.search.configurations import Configuration
    from raytrain.submission.events import Event


@dataclass(frozen=True)
class Drafted:
    """The result of `init`: the job file of an unknown folder."""

    path: Path
    """Path of the job file that was written. `load_job` reads it."""
    draft: "Draft" = field(repr=False)
    """The draft: its `questions` for a person, its `problems`, and the `report` of the data."""


@dataclass(frozen=True)
class Checked:
    """The result of `check`: the facts about a job's data."""

    paths: "RunDir"
    report: "DataReport" = field(repr=False)
    folds: "Folds" = field(repr=False)


@dataclass(frozen=True)
class Searched:
    """The result of `search`: the trials of a search."""

    paths: "RunDir"
    board: "list[Configuration]" = field(repr=False)
    """The configurations, best first."""

    @property
    def leaderboard(self) -> "pd.DataFrame":
        """`leaderboard.csv`: one row per configuration, best first."""
        import pandas as pd

        from raytrain.search.leaderboard import COLUMNS, figures

        return pd.DataFrame(figures(self.board), columns=[*COLUMNS])


@dataclass(frozen=True)
class Evaluated:
    """The result of `evaluate`: scores of masks against the truth."""

    paths: "RunDir"
    of: str
    """Whose masks were scored: the ensemble's or, without an ensemble, those of the named
    training."""
    file: Path
    """The CSV file with the scores of `sets`."""
    classes: tuple[str, ...]
    sets: "dict[str, Evaluation]" = field(repr=False)
    """Set of images, such as `test` -> the figures of the set."""

    @property
    def tables(self) -> "dict[str, pd.DataFrame]":
        """Set of images -> a table with one row per class and the figures of `evaluation.csv`."""
        import pandas as pd

        return {
            name: pd.DataFrame(found.rows(self.classes)).set_index("class")
            for name, found in self.sets.items()
        }


@dataclass(frozen=True)
class Finished:
    """The result of `run`: a run from the data to the checked CSV."""

    paths: "RunDir"
    ensemble: "Ensemble" = field(repr=False)
    board: "list[Configuration]" = field(repr=False)
    """The configurations of the search, best first."""
    submission: "Event"
    """The prepared or sent submission, as the ledger records it."""

    @property
    def metric(self) -> str:
        """Name of the metric of `score`."""
        return str(self.ensemble.oof["metric"])

    @property
    def score(self) -> float:
        """Out-of-fold score of the ensemble."""
        return float(self.ensemble.oof["score"])

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the score, over groups."""
        return float(self.ensemble.oof["low"]), float(self.ensemble.oof["high"])

    @property
    def leaderboard(self) -> "pd.DataFrame":
        """`leaderboard.csv`: one row per configuration, best first."""
        return Searched(self.paths, self.board).leaderboard
