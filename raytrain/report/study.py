"""A study's choices beside what its source states, and its figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from raytrain.report import study_figures as figures
from raytrain.report.study_figures import Drawn
from raytrain.runs.history import Row


@dataclass(frozen=True)
class Spread:
    """A measure over the repeats of one choice."""

    mean: float
    sd: float | None
    """None for a single repeat."""
    n: int


@dataclass(frozen=True)
class Choice:
    """One configuration of the study."""

    labels: tuple[str, ...]
    """What it has of each factor."""
    ours: tuple[Spread | None, ...]
    """Of each measure; None where single images' figures are missing."""
    stated: tuple[float | None, ...]
    """What the source states for this very choice."""
    best_epochs: tuple[int, ...]
    """Of each repeat."""
    histories: Sequence[Sequence[Row]]
    """Of each repeat."""

    @property
    def label(self) -> str:
        """All factors together."""
        return ", ".join(self.labels)


@dataclass(frozen=True)
class BestOf:
    """What the source states for the best of several choices, beside the best one of ours."""

    of: str
    """What those choices have in common; empty for all."""
    stated: tuple[float | None, ...]
    best: Choice


@dataclass(frozen=True)
class StudyTable:
    """A whole study, the best choice first."""

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
    """Best loss against the factor, where there is one and it is a number."""
    boxes: Markup | None
    """The repeats' scores, where there are any."""


def columns(table: StudyTable) -> list[str]:
    """The heads of the table."""
    sides = [name for measure in table.measures for name in (measure, f"{measure} there")]
    return [*table.factors, *sides, "n", "best epoch"]


def cells(table: StudyTable) -> list[list[str]]:
    """The table as text, one row a choice."""
    return [
        [*choice.labels, *_pairs(choice.ours, choice.stated), str(len(choice.histories)),
         " ".join(map(str, choice.best_epochs))]
        for choice in table.choices
    ]  # fmt: skip


def best_of_cells(table: StudyTable) -> list[list[str]]:
    """For each figure that the source states for the best of several: of what, ours and theirs for
    each measure, and which choice ours is."""
    return [
        [each.of or "all", *_pairs(each.best.ours, each.stated), each.best.label]
        for each in table.best_of
    ]


def section(table: StudyTable) -> StudySection:
    """The table and the figures that fit it."""
    drawn = [
        Drawn(choice.label, choice.labels[0] if len(choice.labels) == 1 else "", choice.histories)
        for choice in table.choices
    ]
    count, about = len(drawn), f"the study of {' and '.join(table.factors)}"
    return StudySection(
        table=table,
        columns=columns(table),
        rows=cells(table),
        best_of=best_of_cells(table),
        curves=figures.all_curves(drawn, f"Validation loss of all {count} choices of {about}"),
        panels=figures.panels(drawn, f"Training and validation loss, choice by choice, of {about}"),
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
