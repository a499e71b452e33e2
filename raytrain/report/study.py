"""The section of a study: its table, its figures, and the figures as files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from raytrain.report.study_against import loss_against, score_against
from raytrain.report.study_curves import loss_curves, panels, score_curves
from raytrain.report.study_grid import heat_map
from raytrain.report.study_groups import StudyFigure
from raytrain.report.study_rows import bars, boxes
from raytrain.report.study_table import StudyTable
from raytrain.report.study_text import (
    CELL_COLUMNS,
    beside_text,
    choice_cells,
    columns,
    stated_cells,
)
from raytrain.runs.files import write_bytes


@dataclass(frozen=True)
class StudySection:
    """The tables and figures, as the page shows them."""

    table: StudyTable
    columns: list[str]
    rows: list[list[str]]
    beside: str
    """How far the two sides can be compared."""
    cell_columns: tuple[str, ...]
    cells: list[list[str]]
    figures: list[StudyFigure]


def section(table: StudyTable, figures: Iterable[StudyFigure]) -> StudySection:
    """Return the tables with these figures."""
    return StudySection(
        table=table,
        columns=columns(table),
        rows=choice_cells(table),
        beside=beside_text(table),
        cell_columns=CELL_COLUMNS,
        cells=stated_cells(table),
        figures=[*figures],
    )


def write_figures(folder: Path, figures: list[StudyFigure]) -> None:
    """Write each figure as PNG and SVG of its printed size, and its numbers as CSV; files of
    figures that no longer exist are deleted."""
    kept = set()
    for figure in figures:
        stem = folder / figure.name
        write_bytes(stem.with_suffix(".svg"), figure.drawing.svg())
        write_bytes(stem.with_suffix(".png"), figure.drawing.png())
        text = figure.data.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        write_bytes(stem.with_suffix(".csv"), text.encode())
        kept |= {f"{figure.name}{suffix}" for suffix in (".svg", ".png", ".csv")}
    for path in folder.glob("*"):
        if path.is_file() and path.name not in kept:
            path.unlink()


def results(table: StudyTable) -> Iterator[StudyFigure]:
    """Yield the figures of the study's results."""
    against = [score_against(table), heat_map(table), loss_against(table)]
    yield from (figure for figure in against if figure is not None)
    if len(table.numeric) < len(table.factors) or table.cells:
        yield from bars(table)
    if table.repeated:
        yield from boxes(table)


def curves(table: StudyTable) -> Iterator[StudyFigure]:
    """Yield the figures of all epochs, which take seconds to draw."""
    yield from loss_curves(table)
    yield from score_curves(table)
    yield from panels(table)
