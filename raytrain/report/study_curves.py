"""Losses and scores of a study's choices against the epoch."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from raytrain.report.drawing import drawing
from raytrain.report.palette import ACCENT, MUTED, PAPER, STOP
from raytrain.report.printed import WIDTH_IN, PrintedFigure
from raytrain.report.study_groups import (
    Group,
    by_loss,
    divided,
    entry,
    named_columns,
    paged,
    shortened,
    styles,
    varying,
)
from raytrain.report.study_lines import Style, ceiling, clip, curve_of
from raytrain.report.study_table import Choice, StudyTable

ACROSS = 4
MOST_ROWS = 5
"""Largest number of rows of panels in one figure."""
MOST_BANDS = 3
"""Largest number of choices in a panel whose repeats are drawn as a band."""
WIDEST = 27
"""Largest number of characters in the title of a panel."""
SMALL = 7.5
"""Size of titles and labels in points."""
LOSSES = {"train_loss": "training loss", "val_loss": "validation loss"}
SCORES = {"train_dice": "training Dice", "val_dice": "validation Dice"}
OF_LINES = (
    "A line is the mean over the repeats, and a band their range; a triangle at the upper edge "
    "marks a curve that goes on above it, with its highest value."
)
Looks = dict[str, Style]
"""Entry of a legend -> a line in its style."""


def loss_curves(table: StudyTable) -> list[PrintedFigure]:
    """Draw training and validation loss side by side, with one row of panels for each kind of
    loss."""
    groups = by_loss(table, _trained(table))
    pages, looks = paged(groups, MOST_ROWS), _looks(table, groups)

    def drawn(page: list[Group]) -> Callable[[Figure], None]:
        def plot(figure: Figure) -> None:
            grid = figure.subplots(len(page), 2, squeeze=False)
            for row, group in zip(grid, page, strict=True):
                for axes, (key, name) in zip(row, LOSSES.items(), strict=True):
                    _lines(axes, table, group, key, looks)
                    axes.set_ylabel(name, fontsize=SMALL)
                row[0].set_title(group.title, fontsize=SMALL)
                _legend(row[1], table, group)
            _epochs(grid)

        return plot

    caption = f"Loss of all choices against the epoch, each panel on its own scale. {OF_LINES}"
    return [
        _figure(table, _name("loss_curves", number, pages), _of(page),
                0.5 + 1.75 * len(page), drawn(page), caption)
        for number, page in enumerate(pages, 1)
    ]  # fmt: skip


def score_curves(table: StudyTable) -> list[PrintedFigure]:
    """Draw Dice of the validation and the training images against the epoch, with a few choices in
    each panel."""
    groups = divided(table, _trained(table), "")
    pages, looks = paged(groups, 2 * MOST_ROWS), _looks(table, groups)

    def drawn(page: list[Group], across: int) -> Callable[[Figure], None]:
        def plot(figure: Figure) -> None:
            grid = figure.subplots(-(-len(page) // across), across, squeeze=False)
            for axes, group in zip(grid.ravel(), page, strict=False):
                for key in SCORES:
                    _lines(axes, table, group, key, looks)
                axes.set_title(group.title, fontsize=SMALL)
                _legend(axes, table, group)
            _epochs(_used(grid, len(page)))
            figure.supylabel("Dice", fontsize=SMALL)

        return plot

    found = []
    for number, page in enumerate(pages, 1):
        across = min(2, len(page))
        height = 0.5 + 2.0 * -(-len(page) // across)
        found.append(
            _figure(
                table, _name("dice_curves", number, pages), _of(page), height,
                drawn(page, across), "Mean foreground Dice against the epoch, of the validation "
                "images and, where it was measured, of the training images (thin lines).",
            )
        )  # fmt: skip
    return found


def panels(table: StudyTable) -> list[PrintedFigure]:
    """Draw one panel per choice, with training and validation loss. Each panel has its own
    scale."""
    pages = paged(_trained(table), ACROSS * MOST_ROWS)

    def drawn(page: list[Choice]) -> Callable[[Figure], None]:
        def plot(figure: Figure) -> None:
            grid = figure.subplots(-(-len(page) // ACROSS), ACROSS, squeeze=False)
            for axes, choice in zip(grid.ravel(), page, strict=False):
                _panel(axes, table, choice)
            _epochs(_used(grid, len(page)))
            figure.supylabel("loss", fontsize=SMALL)
            handles, labels = grid[0, 0].get_legend_handles_labels()
            figure.legend(
                handles, labels, loc="outside upper right", ncols=3, frameon=False, fontsize=SMALL
            )

        return plot

    caption = (
        "Training and validation loss, one panel for each choice, best choice first, each on its "
        f"own scale. The dot is the lowest validation loss. {OF_LINES}"
    )
    return [
        _figure(table, _name("loss_panels", number, pages), page,
                0.7 + 1.55 * -(-len(page) // ACROSS), drawn(page), caption)
        for number, page in enumerate(pages, 1)
    ]  # fmt: skip


def _panel(axes: Axes, table: StudyTable, choice: Choice) -> None:
    train, val = curves = [curve_of(choice, key) for key in LOSSES]
    top = ceiling(curves)
    looks: tuple[Style, ...] = (
        {"color": MUTED, "linestyle": (0, (4, 1.5))},
        {"color": ACCENT, "linestyle": "-"},
    )
    for curve, style, label in zip((train, val), looks, LOSSES.values(), strict=True):
        curve.draw(axes, style, label)
        curve.draw_range(axes, style)
        if top is not None and curve.above(top):
            curve.mark(axes, top, style)
            axes.annotate(
                f"{curve.mean.max():.3g}", (curve.table["mean"].idxmax(), top), (4, -1),
                textcoords="offset points", va="top", fontsize=5.5, color=STOP,
                bbox={"color": PAPER, "alpha": 0.8, "pad": 0.4},
            )  # fmt: skip
    if val:
        axes.plot([val.table["mean"].idxmin()], [val.mean.min()], "o", color=ACCENT, markersize=3)
    clip(axes, curves, top)
    pairs = zip(table.names, choice.labels, strict=True)
    title = "\n".join(_wrapped(name, label) for name, label in pairs)
    axes.set_title(title, fontsize=6.5, fontweight="normal")


def _wrapped(name: str, label: str) -> str:
    """Return factor and value. They are on two lines if they are wider than a panel."""
    text = f"{name} = {label}"
    return text if len(text) <= WIDEST else f"{name} =\n{shortened(label, WIDEST)}"


def _lines(axes: Axes, table: StudyTable, group: Group, key: str, looks: Looks) -> None:
    """Draw the curve of `key` for each choice of a group."""
    names = _entries(table, group)
    curves = [curve_of(choice, key) for choice in group.choices]
    top = ceiling(curves) if key in LOSSES else None
    for name, curve in zip(names, curves, strict=True):
        if not curve:
            continue
        style, label = looks[name], name
        if top is not None and curve.above(top):
            curve.mark(axes, top, style)
            label += f" (up to {curve.mean.max():.3g})"
        if key == "train_dice":
            style, label = {**style, "linewidth": 0.6}, "_"
        curve.draw(axes, style, label)
        if len(curves) <= MOST_BANDS:
            curve.draw_range(axes, style)
    clip(axes, curves, top)


def _legend(axes: Axes, table: StudyTable, group: Group) -> None:
    axes.legend(
        title=", ".join(table.names[place] for place in varying(table, group.choices)),
        loc="upper left", bbox_to_anchor=(1.0, 1.04), frameon=False, fontsize=6.5,
        title_fontsize=6.5, alignment="left", handlelength=2.2, labelspacing=0.3,
    )  # fmt: skip


def _epochs(grid: np.ndarray) -> None:
    for axes in grid.ravel():
        if axes.figure is not None:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
            axes.tick_params(labelsize=6.5)
    for axes in grid[-1]:
        axes.set_xlabel("epoch", fontsize=SMALL)


def _used(grid: np.ndarray, count: int) -> np.ndarray:
    """Remove the axes after the first `count`, and return the grid."""
    for axes in grid.ravel()[count:]:
        axes.remove()
    return grid


def _trained(table: StudyTable) -> list[Choice]:
    return [choice for choice in table.choices if choice.gradients]


def _of(groups: list[Group]) -> list[Choice]:
    return [choice for group in groups for choice in group.choices]


def _entries(table: StudyTable, group: Group) -> list[str]:
    return [entry(choice, varying(table, group.choices)) for choice in group.choices]


def _looks(table: StudyTable, groups: list[Group]) -> Looks:
    return styles([name for group in groups for name in _entries(table, group)])


def _name(stem: str, number: int, pages: Sequence[object]) -> str:
    return f"{stem}_{number}" if len(pages) > 1 else stem


def _figure(
    table: StudyTable,
    name: str,
    choices: list[Choice],
    height_in: float,
    plot: Callable[[Figure], None],
    caption: str,
) -> PrintedFigure:
    rows = [
        {**named_columns(table, choice), "repeat": repeat, "epoch": row["epoch"],
         **{key: row[key] for key in (*LOSSES, *SCORES) if key in row}}
        for choice in choices
        for repeat, history in enumerate(choice.histories, 1)
        for row in history
    ]  # fmt: skip
    alt = f"{name.replace('_', ' ')} of the study of {' and '.join(table.factors)}"
    shown = drawing(alt, (WIDTH_IN, height_in), plot)
    return PrintedFigure(name, caption, shown, pd.DataFrame(rows))
