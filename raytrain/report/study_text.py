"""A study's tables as text: for the terminal, the page and `study.csv`."""

import csv
import io

from rich.table import Table

from raytrain.report.study_table import Cell, Choice, Spread, StudyTable
from raytrain.report.terminal import as_text
from raytrain.runs.files import write_bytes
from raytrain.runs.layout import RunDir

CELL_COLUMNS = ("stated for", "measure", "theirs", "ours", "difference", "n", "95 %", "ours is")


def columns(table: StudyTable) -> list[str]:
    """Return the names of the columns of `choice_cells`."""
    sides = [name for measure in table.measures for name in (measure, f"{measure} there")]
    return [*table.factors, *sides, "n", "best epoch"]


def choice_cells(table: StudyTable) -> list[list[str]]:
    """Return the cells of a study's table as text, one row per choice."""
    return [
        [*choice.labels, *_pairs(choice), str(len(choice.histories)),
         " ".join(map(str, choice.best_epochs))]
        for choice in table.choices
    ]  # fmt: skip


def stated_cells(table: StudyTable) -> list[list[str]]:
    """Return one row of text for every figure that the source states."""
    return [[*cell_texts(cell), cell.ours_is] for cell in table.cells]


def cell_texts(cell: Cell) -> list[str]:
    """Return the choice, the measure, the source's figure, our figure, the difference, the number
    of repeats and the interval of our figure; empty where there is none."""
    difference = "" if cell.difference is None else f"{cell.difference:+.4f}"
    repeats = "" if cell.ours is None else str(cell.ours.n)
    figures = [f"{cell.theirs:.4f}", _spread(cell.ours), difference, repeats]
    return [cell.choice, cell.measure, *figures, _interval(cell.ours)]


def write_study(run: RunDir, table: StudyTable) -> None:
    """Write the table to `study.csv`, with the texts that the terminal shows."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([columns(table), *choice_cells(table)])
    write_bytes(run.study, text.getvalue().encode())


def study_text(table: StudyTable) -> str:
    """Return a study's tables as text for the terminal."""
    title = f"{table.source}; the source states: {table.stated}"
    parts = [_as_table(title, columns(table), choice_cells(table))]
    if table.cells:
        parts.append(_as_table(beside_text(table), list(CELL_COLUMNS), stated_cells(table)))
    return "\n".join(parts)


def beside_text(table: StudyTable) -> str:
    """Return in words how far our results and the source's can be compared."""
    measures = ", ".join(f"{measure} {table.same(measure)}" for measure in table.measures)
    return (
        f"the source's measures, compared with ours: {measures}; the source's images: "
        f"{table.same_images}; 95 % intervals over {table.over}"
    )


def _spread(spread: Spread | None) -> str:
    """Return mean and standard deviation as text; empty without a result."""
    if spread is None:
        return ""
    return f"{spread.mean:.4f}" + (f" +- {spread.sd:.4f}" if spread.sd is not None else "")


def _interval(spread: Spread | None) -> str:
    """Return the 95 % interval as text; empty if there is none."""
    if spread is None or spread.low is None or spread.high is None:
        return ""
    return f"{spread.low:.4f} .. {spread.high:.4f}"


def _as_table(title: str, heads: list[str], body: list[list[str]]) -> str:
    table = Table(title=title, title_justify="left")
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in body:
        table.add_row(*row)
    return as_text(table)


def _pairs(choice: Choice) -> list[str]:
    return [
        text
        for spread, figure in zip(choice.ours, choice.stated, strict=True)
        for text in (_spread(spread), "" if figure is None else f"{figure:.4f}")
    ]
