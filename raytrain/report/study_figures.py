"""A study's figures: all choices in one, one panel per choice, the loss against the factor, and
boxes over repeats, modeled on the reports of source systems B and C."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from raytrain.report.drawing import HEIGHT_IN, draw
from raytrain.report.figures import RIM
from raytrain.report.palette import ACCENT, INK, MUTED, series_colors
from raytrain.runs.history import Row

ACROSS = 3
"""Number of panels per row."""
DECADE = 10
"""Ratio of largest to smallest value from which a factor has a logarithmic axis."""


@dataclass(frozen=True)
class ChoiceCurves:
    """One choice for a figure."""

    label: str
    factor: str
    """Its value of the only factor; empty if there are several."""
    histories: Sequence[Sequence[Row]]
    """The history of each repeat."""


def all_curves(choices: list[ChoiceCurves], alt: str) -> Markup:
    """Draw validation loss against the epoch, with a color per choice and a line per repeat."""
    colors = series_colors([choice.label for choice in choices])

    def plot(figure: Figure, axes: Axes) -> None:
        for choice in choices:
            for number, rows in enumerate(choice.histories):
                label = choice.label if number == 0 else None
                _line(axes, rows, "val_loss", colors[choice.label], label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(choices) <= 8:
            axes.legend(frameon=False, fontsize=7.5)

    return draw(alt, "validation loss", "epoch", HEIGHT_IN, plot)


def panels(choices: list[ChoiceCurves], alt: str) -> Markup:
    """Draw one panel per choice: training (gray) and validation loss, all on one scale."""
    down = -(-len(choices) // ACROSS)

    def plot(figure: Figure, axes: Axes) -> None:
        axes.remove()
        grid = figure.subplots(down, ACROSS, sharex=True, sharey=True, squeeze=False).ravel()
        for place, choice in zip(grid, choices, strict=False):
            place.set_title(choice.label, fontsize=7, fontweight="normal")
            for rows in choice.histories:
                _line(place, rows, "train_loss", MUTED, None)
                _line(place, rows, "val_loss", ACCENT, None)
            place.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
            place.tick_params(labelsize=7)
        for place in grid[len(choices) :]:
            place.remove()

    return draw(alt, "", "", 0.6 + 1.25 * down, plot)


def loss_against(choices: list[ChoiceCurves], factor: str, alt: str) -> Markup | None:
    """Draw a dot per repeat: its lowest validation loss against the factor. Returns None for a
    factor that is not numeric, or for several factors."""
    values = [_number(choice.factor) for choice in choices]
    numbers = [value for value in values if value is not None]
    if len(numbers) < len(choices):
        return None

    def plot(figure: Figure, axes: Axes) -> None:
        if min(numbers) > 0 and max(numbers) / min(numbers) >= DECADE:
            axes.set_xscale("log")
            _readable(axes.xaxis)
        for choice, value in zip(choices, numbers, strict=True):
            losses = [
                min(row["val_loss"] for row in rows if "val_loss" in row)
                for rows in choice.histories
                if any("val_loss" in row for row in rows)
            ]
            axes.plot([value] * len(losses), losses, "o", color=ACCENT, markersize=7, **RIM)
        if axes.dataLim.y0 > 0 and axes.dataLim.y1 / axes.dataLim.y0 >= DECADE:
            axes.set_yscale("log")
            _readable(axes.yaxis)
        axes.margins(x=0.12, y=0.12)

    return draw(alt, "best validation loss", factor, HEIGHT_IN, plot)


def boxes(choices: list[ChoiceCurves], alt: str) -> Markup:
    """Draw median, quartiles and all repeats' best validation scores, one row per choice."""

    def plot(figure: Figure, axes: Axes) -> None:
        for place, choice in enumerate(choices):
            scores = [
                max(row["val_score"] for row in rows if "val_score" in row)
                for rows in choice.histories
                if any("val_score" in row for row in rows)
            ]
            if not scores:
                continue
            axes.boxplot(
                [scores], positions=[place], orientation="horizontal", widths=0.5,
                showfliers=False, medianprops={"color": INK}, boxprops={"color": MUTED},
                whiskerprops={"color": MUTED}, capprops={"color": MUTED},
            )  # fmt: skip
            axes.plot(scores, [place] * len(scores), "o", color=ACCENT, markersize=5, **RIM)
        axes.set_yticks(range(len(choices)), [choice.label for choice in choices])
        axes.set_ylim(len(choices) - 0.5, -0.5)

    return draw(alt, "", "best validation score", 1.1 + 0.35 * len(choices), plot)


def _line(axes: Axes, rows: Sequence[Row], key: str, color: str, label: str | None) -> None:
    points = [(row["epoch"], row[key]) for row in rows if key in row]
    if points:
        epochs, values = zip(*points, strict=True)
        axes.plot(epochs, values, color=color, linewidth=1.2, label=label)


def _readable(axis: Axis) -> None:
    """Show powers of ten as plain numbers."""
    axis.set_major_locator(LogLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
