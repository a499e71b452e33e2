"""All studies that were run, beside their sources, in one table: as a page, as CSV and as
Markdown."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from raytrain.config.duration import duration_text
from raytrain.report.drawing import Drawing, drawing
from raytrain.report.palette import ACCENT, INK, MUTED
from raytrain.report.study_results import study_table
from raytrain.report.study_table import Cell, StudyTable
from raytrain.report.study_text import cell_texts
from raytrain.runs.extensions import refuse_foreign
from raytrain.runs.jobs import read_config
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record
from raytrain.search.leaderboard import ranked

COLUMNS = (
    "source", "run", "stated for", "measure", "theirs", "ours", "difference", "n", "95 %",
    "95 % over", "same measure", "same images", "ours is", "epochs", "command", "hardware", "time",
)  # fmt: skip
SHOWN = COLUMNS[:13]
"""Columns of the Markdown table. The other columns are the same for all rows of a study."""


@dataclass(frozen=True)
class ComparedStudy:
    """One run of a study, with its results beside those of its source."""

    run: Path
    table: StudyTable
    command: str
    """The command line of the search; empty if the search was started from Python."""
    hardware: str
    """The devices of the trainings; empty if unknown."""
    trainings: int
    epochs: str
    """Smallest and largest number of epochs of the trainings."""
    time: str
    """Total time of all trainings, as text."""
    rows: list[list[str]]
    """One row of text, with the columns `COLUMNS`, for each stated figure; a single row if there is
    no stated figure."""


def compared(storage: Path) -> list[ComparedStudy]:
    """Return every study with a result under <storage>/<competition>/<run>, sorted by source.

    Raises ValueError when there is none, and for a run with somebody else's Python files.
    """
    found = []
    for config in sorted(storage.glob("*/*/config.json")):
        run = RunDir(config.parent.absolute())
        tree = read_config(run)
        if not tree or not tree.get("study"):
            continue
        refuse_foreign(run)
        table = study_table(run)
        if table is not None:
            found.append(_compared(run, table))
    if not found:
        raise ValueError(
            f"{storage}: no study with a result below this folder; give the `storage` of studies "
            "that were searched, such as runs"
        )
    return sorted(found, key=lambda each: (each.table.source, each.run))


def as_csv(studies: list[ComparedStudy]) -> str:
    """Return the rows of all studies as the text of a CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([COLUMNS, *(row for study in studies for row in study.rows)])
    return text.getvalue()


def as_markdown(studies: list[ComparedStudy]) -> str:
    """Return all rows as a table of Markdown, with the columns in `SHOWN`."""
    rows = [row[: len(SHOWN)] for study in studies for row in study.rows]
    lines = [SHOWN, ["---"] * len(SHOWN), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


def against_source(studies: list[ComparedStudy]) -> Drawing | None:
    """Draw our figures against those of the sources, a dot for each stated figure; None without any
    stated figure."""
    pairs = [
        (cell.theirs, cell.ours.mean, table.same(cell.measure) == table.same_images == "same")
        for table in (study.table for study in studies)
        for cell in table.cells
        if cell.ours is not None
    ]
    if not pairs:
        return None

    def plot(figure: Figure) -> None:
        axes = figure.add_subplot()
        ends = [min(min(x, y) for x, y, _ in pairs), max(max(x, y) for x, y, _ in pairs)]
        axes.plot(ends, ends, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), label="equal")
        for same, color, label in (
            (True, ACCENT, "same measure and images"), (False, MUTED, "another one, or unknown"),
        ):  # fmt: skip
            points = [(x, y) for x, y, comparable in pairs if comparable == same]
            if points:
                axes.plot(*zip(*points, strict=True), "o", color=color, markersize=5, label=label)
        axes.set_xlabel("the source's figure")
        axes.set_ylabel("ours")
        axes.set_aspect("equal", adjustable="datalim")
        axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))

    return drawing(f"Our results against {len(pairs)} figures of the sources", (6.9, 4.2), plot)


def _compared(run: RunDir, table: StudyTable) -> ComparedStudy:
    records = ranked(run)
    command = run.command.read_text("utf-8").strip() if run.command.is_file() else ""
    spans = _joined_numbers(record.epochs for record in records)
    hardware, time = _hardware(records), duration_text(sum(each.seconds for each in records))
    beside = [spans, command, hardware, time]
    rows = [[table.source, run.path.name, *_cell(cell, table), *beside] for cell in table.cells]
    if not rows:
        best = table.choices[0]
        words = best.words(table.factors)
        cell = Cell("no figure is stated", table.measures[0], 0.0, best.ours[0], words)
        row = _cell(cell, table)
        rows = [[table.source, run.path.name, *row[:2], "", row[3], "", *row[5:], *beside]]
    return ComparedStudy(run.path, table, command, hardware, len(records), spans, time, rows)


def _cell(cell: Cell, table: StudyTable) -> list[str]:
    texts = cell_texts(cell)
    over = table.over if texts[-1] else ""
    return [*texts, over, table.same(cell.measure), table.same_images, cell.ours_is]


def _hardware(records: list[Record]) -> str:
    names = [record.last["device"] for record in records if record.last and "device" in record.last]
    return "; ".join(sorted(set(names)))


def _joined_numbers(numbers: Iterable[int]) -> str:
    known = sorted(set(numbers))
    return " to ".join(str(each) for each in dict.fromkeys((known[0], known[-1])))
