"""Lines of losses and scores in a panel. Values that diverge are clipped and marked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from raytrain.report.study_table import Choice

FENCE, FAR = 6, 4
"""The limits by which `ceiling` distinguishes divergent values from usual ones."""

Style = dict[str, Any]
"""A line's color and dash, by matplotlib's names."""


@dataclass(frozen=True)
class Curve:
    """One figure of the history against the epoch, over the repeats of one choice."""

    table: pd.DataFrame
    """Table with the columns mean, low and high; the index is the epoch. It is empty if the figure
    is unknown."""

    def __bool__(self) -> bool:
        return len(self.table) > 0

    @property
    def mean(self) -> np.ndarray:
        return self.table["mean"].to_numpy()

    def above(self, top: float | None) -> bool:
        """Return whether the curve exceeds `top`, the upper end of the axis."""
        return top is not None and bool(self) and float(self.mean.max()) > top

    def draw(self, axes: Axes, style: Style, label: str) -> None:
        """Draw the mean as a line; a single epoch is a dot."""
        marker = "o" if len(self.table) == 1 else ""
        look = {"linewidth": 1.1, "marker": marker, "markersize": 3, **style}
        axes.plot(self.table.index, self.mean, label=label, **look)

    def draw_range(self, axes: Axes, style: Style) -> None:
        """Draw the range of the repeats as a band."""
        low, high = self.table["low"], self.table["high"]
        if (high > low).any():
            axes.fill_between(
                self.table.index, low, high, color=style["color"], alpha=0.15, linewidth=0
            )

    def mark(self, axes: Axes, top: float, style: Style) -> None:
        """Mark the upper edge of the panel at the epoch where the curve is highest."""
        epoch = self.table["mean"].idxmax()
        axes.plot([epoch], [top], "^", color=style["color"], markersize=5, clip_on=False, zorder=5)


def curve_of(choice: Choice, key: str) -> Curve:
    """Return the curve of a figure of the history, such as `val_loss`, without values that are not
    finite."""
    points = [
        (row["epoch"], row[key])
        for rows in choice.histories
        for row in rows
        if key in row and math.isfinite(row[key])
    ]
    by_epoch = pd.DataFrame(points, columns=["epoch", "value"]).groupby("epoch")["value"]
    return Curve(by_epoch.agg(mean="mean", low="min", high="max"))


def ceiling(curves: Sequence[Curve]) -> float | None:
    """Return the upper end of an axis that shows what converges; None if the axis shows every
    value.

    The axis shows the first values, and each curve up to `FENCE` times the distance of its lower
    quartile from its minimum. Curves and first values that are far above the others do not count.
    """
    known = [curve.mean for curve in curves if curve]
    if not known:
        return None
    low, high = min(float(mean.min()) for mean in known), max(float(mean.max()) for mean in known)
    firsts, usual = [float(mean[0]) for mean in known], [_usual_end(mean) for mean in known]
    start = sorted(firsts)[(len(firsts) - 1) // 2]
    reach = low + FAR * (max(start, min(usual)) - low)
    top = max(value for value in (start, *usual, *firsts) if value <= reach)
    return top if high - low > 1.25 * (top - low) and top > low else None


def clip(axes: Axes, curves: Sequence[Curve], top: float | None) -> None:
    """Set the upper end of the axis to `top`, and the lower end below the lowest value. Without
    `top`, nothing is changed."""
    if top is not None:
        low = min(float(curve.mean.min()) for curve in curves if curve)
        axes.set_ylim(low - 0.05 * (top - low), top)


def _usual_end(mean: np.ndarray) -> float:
    quartile = float(np.percentile(mean, 25))
    return quartile + FENCE * max(quartile - float(mean.min()), 0.05 * abs(quartile))
