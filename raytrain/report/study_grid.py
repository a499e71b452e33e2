"""Results of a study over the grid of two factors, as a heat map."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from raytrain.report.drawing import drawing
from raytrain.report.palette import INK, PAPER
from raytrain.report.printed import WIDTH_IN, PrintedFigure
from raytrain.report.study_groups import (
    SOURCE,
    named_columns,
    parted,
    shortened,
)
from raytrain.report.study_table import Choice, StudyTable


def heat_map(table: StudyTable) -> PrintedFigure | None:
    """Draw the first measure over the grid of the first two factors, with one panel for each value
    of the others; None for fewer than two factors."""
    if len(table.factors) < 2:
        return None
    parts = parted(table.choices, lambda choice: choice.labels[2:])
    rows, columns = (_ordered(table, place) for place in (0, 1))
    if len(columns) > len(rows):
        rows, columns, swap = columns, rows, True
    else:
        swap = False
    known = [choice.ours[0].mean for choice in table.choices if choice.ours[0]]
    if not known:
        return None
    low, high = min(known), max(known)

    across = max(1, min(len(parts), 8 // max(4, len(columns))))
    down = -(-len(parts) // across)

    def plot(figure: Figure) -> None:
        grid = figure.subplots(down, across, squeeze=False, sharey=True)
        for axes, (rest, part) in zip(grid.ravel(), parts.items(), strict=False):
            image = _heat(axes, part, rows, columns, swap, (low, high))
            pairs = zip(table.names[2:], rest, strict=True)
            title = ", ".join(f"{name} = {label}" for name, label in pairs)
            axes.set_title(title, fontsize=7.5)
            axes.set_xlabel(table.names[0 if swap else 1], fontsize=7.5)
        for axes in grid.ravel()[len(parts) :]:
            axes.remove()
        for axes in grid[:, 0]:
            axes.set_ylabel(table.names[1 if swap else 0], fontsize=7.5)
        bar = figure.colorbar(image, ax=grid, shrink=0.6, aspect=30, pad=0.02)
        bar.set_label(table.measures[0], fontsize=7)
        bar.ax.tick_params(labelsize=6.5)
        bar.outline.set_visible(False)

    data = [
        {**named_columns(table, choice), table.measures[0]: choice.ours[0].mean,
         "source": choice.stated[0]}
        for choice in table.choices
        if choice.ours[0]
    ]  # fmt: skip
    height = 0.9 + down * (0.5 + 0.36 * len(rows))
    alt = f"Heat map of the study of {' and '.join(table.factors)}"
    caption = f"{table.measures[0]} of each combination. In brackets: {SOURCE}, if it states one."
    return PrintedFigure(
        "grid", caption, drawing(alt, (WIDTH_IN, height), plot), pd.DataFrame(data)
    )  # fmt: skip


def _heat(
    axes: Axes, part: list[Choice], rows: list[str], columns: list[str], swap: bool,
    span: tuple[float, float],
) -> Any:  # fmt: skip
    value_RC = np.full((len(rows), len(columns)), np.nan)
    for choice in part:
        at = choice.labels[1::-1] if swap else choice.labels[:2]
        if choice.ours[0]:
            value_RC[rows.index(at[0]), columns.index(at[1])] = choice.ours[0].mean
    edges = [np.arange(count + 1) - 0.5 for count in (len(columns), len(rows))]
    image = axes.pcolormesh(
        *edges, value_RC, cmap="cividis", vmin=span[0], vmax=span[1], edgecolors=PAPER, linewidth=1
    )
    axes.set_ylim(len(rows) - 0.5, -0.5)
    for choice in part:
        at = choice.labels[1::-1] if swap else choice.labels[:2]
        row, column = rows.index(at[0]), columns.index(at[1])
        value, stated = value_RC[row, column], choice.stated[0]
        text = "" if math.isnan(value) else f"{value:.3f}"
        text += "" if stated is None else f"\n({stated:.3f})"
        shade = (value - span[0]) / max(span[1] - span[0], 1e-9)
        luminance = float(np.dot(colormaps["cividis"](shade)[:3], (0.299, 0.587, 0.114)))
        color = INK if math.isnan(value) or luminance > 0.5 else PAPER
        axes.text(column, row, text, ha="center", va="center", fontsize=6, color=color)
    axes.set_xticks(range(len(columns)), [shortened(c, 16) for c in columns], fontsize=6.5)
    axes.set_yticks(range(len(rows)), [shortened(r) for r in rows], fontsize=6.5)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for side in axes.spines.values():
        side.set_visible(False)
    return image


def _ordered(table: StudyTable, place: int) -> list[str]:
    """Return the labels of a factor. Numbers are in rising order; names are sorted by mean, the
    best first."""
    if place in table.numeric:
        return sorted({choice.labels[place] for choice in table.choices}, key=float)
    parts = parted(table.choices, lambda choice: choice.labels[place])

    def mean(label: str) -> float:
        known = [choice.ours[0].mean for choice in parts[label] if choice.ours[0]]
        return float(np.mean(known)) if known else -math.inf

    return sorted(parts, key=mean, reverse=True)
