"""Results of a study as rows, best first: bars with the source's figures, and boxes over
repeats."""

from collections.abc import Sequence
from functools import partial
from math import ceil
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from raytrain.report.drawing import drawing
from raytrain.report.palette import ACCENT, INK, MUTED, PAPER, STOP
from raytrain.report.printed import WIDTH_IN, PrintedFigure
from raytrain.report.study_groups import (
    SOURCE,
    named_columns,
    paged,
    shortened,
)
from raytrain.report.study_table import Choice, StudyTable

MOST_ROWS = 36
"""Largest number of rows in one figure."""
ACROSS = 4
"""Largest number of measures beside each other. Further ones are drawn below."""
LABEL = 20
"""Largest number of letters in a line of a measure's name."""


def bars(table: StudyTable) -> list[PrintedFigure]:
    """Draw a bar per choice and measure, best first, with the source's figure as a line. Baselines
    without gradient steps are gray."""
    known = [choice for choice in table.choices if any(choice.ours)]
    found = []
    lines = ceil(len(table.measures) / ACROSS)
    pages = paged(known, MOST_ROWS)
    for number, page in enumerate(pages, 1):
        rows = [
            {**named_columns(table, choice), "measure": measure, "mean": spread.mean,
             "sd": spread.sd, "low": spread.low, "high": spread.high, "n": spread.n,
             "source": stated}
            for choice in page
            for measure, spread, stated in zip(
                table.measures, choice.ours, choice.stated, strict=True
            )
            if spread is not None
        ]  # fmt: skip
        part = f"_{number}" if len(pages) > 1 else ""
        alt = f"Bars{part} of the study of {' and '.join(table.factors)}"
        height = 0.4 + lines * (0.5 + 0.22 * len(page))
        caption = (
            f"Each choice, best first, with its 95 % interval over {table.over}; an orange line "
            f"is {SOURCE}."
        )
        shown = drawing(alt, (WIDTH_IN, height), partial(_panels, table, page))
        found.append(PrintedFigure(f"bars{part}", caption, shown, pd.DataFrame(rows)))
    return found


def boxes(table: StudyTable) -> list[PrintedFigure]:
    """Draw median, quartiles and all repeats of the first measure, one row per choice."""
    known = [choice for choice in table.choices if choice.ours[0]]
    found = []
    pages = paged(known, MOST_ROWS)
    for number, page in enumerate(pages, 1):
        values = [choice.ours[0].values for choice in page if choice.ours[0]]

        def plot(
            figure: Figure, page: list[Choice] = page, values: Sequence[Sequence[float]] = values
        ) -> None:
            axes = figure.add_subplot()
            places = range(len(page))
            thin = {"color": MUTED, "linewidth": 0.9}
            axes.boxplot(
                values, positions=places, orientation="horizontal", widths=0.55,
                showfliers=False, medianprops={"color": INK}, boxprops=thin, whiskerprops=thin,
                showcaps=False,
            )  # fmt: skip
            for place, each in zip(places, values, strict=True):
                axes.plot(each, [place] * len(each), "o", color=ACCENT, markersize=3.5, alpha=0.8)
            _rows(axes, table, page)
            axes.set_xlabel(table.measures[0], fontsize=7)

        rows = [
            {**named_columns(table, choice), "repeat": repeat, table.measures[0]: value}
            for choice, each in zip(page, values, strict=True)
            for repeat, value in enumerate(each, 1)
        ]
        part = f"_{number}" if len(pages) > 1 else ""
        alt = f"Boxes{part} over the repeats of the study of {' and '.join(table.factors)}"
        shown = drawing(alt, (WIDTH_IN, 0.7 + 0.3 * len(page)), plot)
        caption = f"{table.measures[0]} of each repeat, with median and quartiles, best first."
        found.append(PrintedFigure(f"boxes{part}", caption, shown, pd.DataFrame(rows)))
    return found


def _panels(table: StudyTable, page: list[Choice], figure: Figure) -> None:
    """Draw the bars of each measure in a panel of its own, and one legend."""
    count = len(table.measures)
    grid = figure.subplots(ceil(count / ACROSS), min(ACROSS, count), sharey=True, squeeze=False)
    for place, axes in enumerate(grid.ravel()):
        axes.set_visible(place < count)
        if place < count:
            _bars(axes, page, place)
            name = fill(table.measures[place], LABEL, break_on_hyphens=False)
            axes.set_xlabel(name, fontsize=7)
    for first in grid[:, 0]:
        _rows(first, table, page)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    pairs = dict(zip(labels, handles, strict=True))
    if pairs:
        figure.legend(
            pairs.values(), pairs.keys(), loc="outside upper right", ncols=3, frameon=False,
            fontsize=7.5,
        )  # fmt: skip


def _bars(axes: Axes, page: list[Choice], place: int) -> None:
    for row, choice in enumerate(page):
        spread, stated = choice.ours[place], choice.stated[place]
        if spread is not None:
            color, label = (ACCENT, "ours") if choice.gradients else (MUTED, "baseline")
            axes.barh(row, spread.mean, height=0.62, color=color, alpha=0.85, label=label)
            if spread.low is not None and spread.high is not None:
                ends = [[spread.mean - spread.low], [spread.high - spread.mean]]
                axes.errorbar(spread.mean, row, xerr=np.maximum(ends, 0), color=INK,
                              linewidth=0.8, capsize=1.8, capthick=0.8)  # fmt: skip
            end = max(0, spread.mean if spread.high is None else spread.high)
            axes.annotate(
                f"{spread.mean:.3f}", (end, row), (3, 0),
                textcoords="offset points", va="center", fontsize=6, color=INK,
                bbox={"color": PAPER, "alpha": 0.7, "pad": 0.3},
            )  # fmt: skip
        if stated is not None:
            axes.plot([stated] * 2, [row - 0.45, row + 0.45], color=STOP, linewidth=2, label=SOURCE)
    axes.tick_params(labelsize=6.5)
    axes.grid(axis="y", visible=False)


def _row_name(table: StudyTable, choice: Choice) -> str:
    """Return the text of a choice, with the names of its numeric factors."""
    words = [
        f"{name} {label}" if place in table.numeric else shortened(label)
        for place, (name, label) in enumerate(zip(table.names, choice.labels, strict=True))
    ]
    return ", ".join(words)


def _rows(axes: Axes, table: StudyTable, page: list[Choice]) -> None:
    """Label the rows of a figure with bars or boxes. The first row is at the top."""
    axes.set_yticks(range(len(page)), [_row_name(table, c) for c in page], fontsize=6.5)
    axes.set_ylim(len(page) - 0.4, -0.6)
    axes.set_title(", ".join(table.names), fontsize=7.5)
    axes.tick_params(axis="x", labelsize=6.5)
    axes.grid(axis="y", visible=False)
