"""A study's choices with the figures that its source states, and its own figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from raytrain.report import study_figures as figures
from raytrain.report.study_figures import ChoiceCurves
from raytrain.runs.history import Row


@dataclass(frozen=True)
class Spread:
    """A measure over the repeats of one choice."""

    mean: float
    sd: float | None
    """Standard deviation; None for a single repeat."""
    n: int


@dataclass(frozen=True)
class Choice:
    """One configuration of the study."""

    labels: tuple[str, ...]
    """Its value of each factor."""
    ours: tuple[Spread | None, ...]
    """Our result for each measure; None if figures of single images are missing."""
    stated: tuple[float | None, ...]
    """The figures that the source states for this choice."""
    best_epochs: tuple[int, ...]
    """The best epoch of each repeat."""
    histories: Sequence[Sequence[Row]]
    """The history of each repeat."""

    @property
    def label(self) -> str:
        """All factors together."""
        return ", ".join(self.labels)


@dataclass(frozen=True)
class BestOf:
    """The source's figures for the best of several choices, and our best one of these."""

    of: str
    """What those choices have in common; empty for all."""
    stated: tuple[float | None, ...]
    best: Choice


@dataclass(frozen=True)
class StudyTable:
    """A whole study, best choice first."""

    source: str
    stated: str
    factors: tuple[str, ...]
    measures: tuple[str, ...]
    choices: list[Choice]
    best_of: list[BestOf]

    @property
    def repeated(self) -> bool:
        """Whether any choice was trained more than once."""
        return any(len(choice.histories) > 1 for choice in self.choices)


@dataclass(frozen=True)
class StudySection:
    """The table and its figures, as the page shows them."""

    table: StudyTable
    columns: list[str]
    rows: list[list[str]]
    best_of: list[list[str]]
    curves: Markup
    panels: Markup
    factor: Markup | None
    """Best loss against the factor, if there is a single, numeric one."""
    boxes: Markup | None
    """The repeats' scores, if there are repeats."""


def columns(table: StudyTable) -> list[str]:
    """Return the table's column names."""
    sides = [name for measure in table.measures for name in (measure, f"{measure} there")]
    return [*table.factors, *sides, "n", "best epoch"]


def cells(table: StudyTable) -> list[list[str]]:
    """Return the table as text, one row per choice."""
    return [
        [*choice.labels, *_pairs(choice.ours, choice.stated), str(len(choice.histories)),
         " ".join(map(str, choice.best_epochs))]
        for choice in table.choices
    ]  # fmt: skip


def best_of_cells(table: StudyTable) -> list[list[str]]:
    """Return one row per figure that the source states for the best of several choices: what these
    have in common, ours and theirs for each measure, and the name of our best choice."""
    return [
        [each.of or "all", *_pairs(each.best.ours, each.stated), each.best.label]
        for each in table.best_of
    ]


def section(table: StudyTable) -> StudySection:
    """Return the table and the matching figures."""
    drawn = [
        ChoiceCurves(
            choice.label, choice.labels[0] if len(choice.labels) == 1 else "", choice.histories
        )
        for choice in table.choices
    ]
    count, about = len(drawn), f"the study of {' and '.join(table.factors)}"
    return StudySection(
        table=table,
        columns=columns(table),
        rows=cells(table),
        best_of=best_of_cells(table),
        curves=figures.all_curves(drawn, f"Validation loss of all {count} choices of {about}"),
        panels=figures.panels(drawn, f"Training and validation loss of each choice of {about}"),
        factor=figures.loss_against(
            drawn, table.factors[0], f"Best validation loss against the factor of {about}"
        ),
        boxes=figures.boxes(drawn, f"Scores of the repeats of {about}") if table.repeated else None,
    )


def _pairs(ours: tuple[Spread | None, ...], stated: tuple[float | None, ...]) -> list[str]:
    return [
        text
        for spread, figure in zip(ours, stated, strict=True)
        for text in (_spread(spread), "" if figure is None else f"{figure:.4f}")
    ]


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return ""
    return f"{spread.mean:.4f}" + (f" +- {spread.sd:.4f}" if spread.sd is not None else "")
