"""The section of a study: its table, its figures, and the figures as files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from raytrain.report.printed import PrintedFigure
from raytrain.report.study_against import loss_against, score_against
from raytrain.report.study_curves import loss_curves, panels, score_curves
from raytrain.report.study_grid import heat_map
from raytrain.report.study_rows import bars, boxes
from raytrain.report.study_table import StudyTable
from raytrain.report.study_text import (
    CELL_COLUMNS,
    beside_text,
    choice_cells,
    columns,
    stated_cells,
)


@dataclass(frozen=True)
class StudySection:
    """A study's tables and figures, in the form that the page shows."""

    table: StudyTable
    columns: list[str]
    rows: list[list[str]]
    beside: str
    """How far our results and the source's can be compared."""
    cell_columns: tuple[str, ...]
    cells: list[list[str]]
    figures: list[PrintedFigure]


def section(table: StudyTable, figures: Iterable[PrintedFigure]) -> StudySection:
    """Return the section with the study's tables and these figures."""
    return StudySection(
        table=table,
        columns=columns(table),
        rows=choice_cells(table),
        beside=beside_text(table),
        cell_columns=CELL_COLUMNS,
        cells=stated_cells(table),
        figures=[*figures],
    )


def results(table: StudyTable) -> Iterator[PrintedFigure]:
    """Yield the figures that show the study's results without their curves over epochs."""
    against = [score_against(table), heat_map(table), loss_against(table)]
    yield from (figure for figure in against if figure is not None)
    if len(table.numeric) < len(table.factors) or table.cells:
        yield from bars(table)
    if table.repeated:
        yield from boxes(table)


def curves(table: StudyTable) -> Iterator[PrintedFigure]:
    """Yield the figures with curves over all epochs, which take seconds to draw."""
    yield from loss_curves(table)
    yield from score_curves(table)
    yield from panels(table)
