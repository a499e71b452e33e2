"""Results of a study against its numeric factors, with a line through the means of the repeats."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import offset_copy

from raytrain.report.drawing import drawing
from raytrain.report.palette import INK
from raytrain.report.printed import WIDTH_IN, PrintedFigure
from raytrain.report.study_groups import (
    MOST_LINES,
    SOURCE,
    divided,
    entry,
    named_columns,
    parted,
    styles,
    varying,
)
from raytrain.report.study_table import Choice, StudyTable

DECADE = 10
"""Smallest ratio of the largest to the smallest value at which an axis is logarithmic."""
DODGE, WIDEST = 3, 12
"""Horizontal distance between the points of two neighboring lines with repeats, and the largest
such distance between the first and the last line, in points (1/72 inch)."""


@dataclass(frozen=True)
class Panel:
    """One panel of results against a numeric factor."""

    place: int
    """Position of the factor in the study's `factors`."""
    title: str
    names: str
    """The factors in which the lines differ."""
    lines: dict[str, list[Choice]]
    """Entry of the legend -> the choices on its line."""


def score_against(table: StudyTable) -> PrintedFigure | None:
    """Draw the first measure against each numeric factor; None without such a factor."""
    panels = [
        panel for place in table.numeric for panel in _series(table, table.choices, place, "")
    ]
    caption = (
        f"{table.measures[0]} against the factor: a dot for each training, and a line through the "
        f"means{'; a black dash is ' + SOURCE if table.cells else ''}."
    )
    return _against(table, "score_factor", panels, _measured, table.measures[0], caption)


def loss_against(table: StudyTable) -> PrintedFigure | None:
    """Draw the lowest validation loss against each numeric factor. Losses of different kinds have
    panels of their own. None without such a factor."""
    kinds = parted(table.choices, lambda choice: choice.loss)
    panels = [
        panel
        for place in table.numeric
        for loss, part in kinds.items()
        for panel in _series(table, part, place, f"loss: {loss}" if len(kinds) > 1 else "")
    ]
    caption = (
        "The lowest validation loss of each training against the factor; an axis that spans a "
        "decade is logarithmic."
    )
    return _against(table, "loss_factor", panels, _lowest, "best validation loss", caption)


def _series(table: StudyTable, choices: list[Choice], place: int, title: str) -> list[Panel]:
    """Return panels for one numeric factor. Each has at most a few lines, and the choices on a line
    differ only in this factor."""

    def rest(choice: Choice) -> tuple[str, ...]:
        return choice.labels[:place] + choice.labels[place + 1 :]

    lines = parted(choices, rest)
    groups = divided(table, [line[0] for line in lines.values()], title)
    found = []
    for group in groups:
        others = [other for other in varying(table, group.choices) if other != place]
        shown = {entry(first, others): lines[rest(first)] for first in group.choices}
        names = ", ".join(table.names[other] for other in others)
        found.append(Panel(place, group.title, names, shown))
    return found


def _against(
    table: StudyTable,
    name: str,
    panels: list[Panel],
    values: Callable[[Choice], Sequence[float]],
    y: str,
    caption: str,
) -> PrintedFigure | None:
    if not panels:
        return None
    across = min(2, len(panels))
    down = -(-len(panels) // across)

    def plot(figure: Figure) -> None:
        grid = figure.subplots(down, across, squeeze=False)
        look = styles([line for panel in panels for line in panel.lines])
        for axes, panel in zip(grid.ravel(), panels, strict=False):
            _scatter(axes, panel, values, look)
            if name == "score_factor":
                _stated(axes, panel)
            axes.set_title(panel.title, fontsize=8)
            axes.set_xlabel(table.names[panel.place], fontsize=7.5)
            axes.set_ylabel(y, fontsize=7.5)
            axes.tick_params(labelsize=6.5)
            if axes.get_legend_handles_labels()[1]:
                axes.legend(
                    title=panel.names, frameon=False, fontsize=6.5, title_fontsize=6.5,
                    loc="upper left", bbox_to_anchor=(1.0, 1.04), alignment="left",
                )  # fmt: skip
        for axes in grid.ravel()[len(panels) :]:
            axes.remove()

    data = [
        {**named_columns(table, choice), "repeat": repeat, y: value}
        for choice in table.choices
        for repeat, value in enumerate(values(choice), 1)
    ]
    alt = f"{y} against the factor in the study of {' and '.join(table.factors)}"
    shown = drawing(alt, (WIDTH_IN if across > 1 else 4.6, 0.3 + 2.3 * down), plot)
    return PrintedFigure(name, caption, shown, pd.DataFrame(data))


def _scatter(
    axes: Axes,
    panel: Panel,
    values: Callable[[Choice], Sequence[float]],
    look: dict[str, dict[str, Any]],
) -> None:
    xs: list[float] = []
    ys: list[float] = []
    repeated = any(len(values(c)) > 1 for choices in panel.lines.values() for c in choices)
    step = min(DODGE, WIDEST / len(panel.lines)) if repeated else 0
    middle, figure = (len(panel.lines) - 1) / 2, axes.get_figure(root=True)
    assert isinstance(figure, Figure)
    for number, (label, choices) in enumerate(panel.lines.items()):
        # Repeats of several lines stand side by side, so that no dot hides another one.
        aside = offset_copy(axes.transData, figure, step * (number - middle), 0, "points")
        means: list[tuple[float, float]] = []
        for choice in choices:
            x, found = choice.numbers[panel.place], values(choice)
            assert x is not None
            axes.plot([x] * len(found), found, "o", color=look[label]["color"], markersize=3.5,
                      alpha=0.7, transform=aside, markeredgewidth=0)  # fmt: skip
            xs += [x] * len(found)
            ys += found
            means += [(x, float(np.mean(found)))] if found else []
        if means:
            at, mean = zip(*sorted(means), strict=True)
            axes.plot(at, mean, linewidth=1.2, label=label or "_", transform=aside, **look[label])
    if xs:
        axes.update_datalim(
            list(zip(xs, ys, strict=True))
        )  # moved lines do not count by themselves
    for axis, numbers in ((axes.xaxis, xs), (axes.yaxis, ys)):
        if numbers and min(numbers) > 0 and max(numbers) / min(numbers) >= DECADE:
            (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
            _readable(axis)
    if len(set(xs)) <= MOST_LINES:
        axes.set_xticks(sorted(set(xs)), [f"{x:g}" for x in sorted(set(xs))])
        axes.set_xticks([], minor=True)
    axes.margins(x=0.1, y=0.1)


def _stated(axes: Axes, panel: Panel) -> None:
    points = [
        (choice.numbers[panel.place], choice.stated[0])
        for choices in panel.lines.values()
        for choice in choices
        if choice.stated[0] is not None
    ]
    if points:
        x, y = zip(*points, strict=True)
        axes.plot(x, y, "_", color=INK, markersize=11, markeredgewidth=1.6, label=SOURCE)


def _measured(choice: Choice) -> Sequence[float]:
    """Return the value of the study's first measure for each repeat; empty if there is none."""
    return choice.ours[0].values if choice.ours[0] else ()


def _lowest(choice: Choice) -> Sequence[float]:
    """Return the lowest validation loss of each repeat that was validated."""
    known = [[row["val_loss"] for row in rows if "val_loss" in row] for rows in choice.histories]
    return [min(losses) for losses in known if losses]


def _readable(axis: Axis) -> None:
    """Label a logarithmic axis with plain numbers."""
    axis.set_major_locator(LogLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
