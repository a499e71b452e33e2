"""Confusion matrices of the evaluated masks, as heat maps."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from raytrain.report.drawing import drawing
from raytrain.report.palette import INK, PAPER
from raytrain.report.printed import WIDTH_IN, PrintedFigure

ACROSS = 3


def confusion_figure(
    evaluation: Sequence[dict[str, str]], classes: Sequence[str]
) -> PrintedFigure | None:
    """Draw, for each set of images, the share of each true class's pixels by predicted class. None
    without an evaluation, and if classes overlap."""
    rows = [row for row in evaluation if row["class"] in classes and row.get(f"as {classes[0]}")]
    sets = list(dict.fromkeys(row["set"] for row in rows))
    if not sets:
        return None
    counts = {
        name: np.array(
            [[int(row[f"as {each}"]) for each in classes] for row in rows if row["set"] == name]
        )
        for name in sets
    }
    across = min(ACROSS, len(sets))
    down, size = -(-len(sets) // across), WIDTH_IN / ACROSS

    def plot(figure: Figure) -> None:
        grid = figure.subplots(down, across, squeeze=False)
        for axes, (name, count_KK) in zip(grid.ravel(), counts.items(), strict=False):
            _matrix(axes, count_KK, classes)
            axes.set_title(name, fontsize=7.5)
        for axes in grid.ravel()[len(sets) :]:
            axes.remove()
        for axes in grid[:, 0]:
            axes.set_ylabel("true class", fontsize=7)

    data = pd.DataFrame(
        {"set": name, "true": true, "predicted": predicted, "pixels": int(count_KK[t, p])}
        for name, count_KK in counts.items()
        for t, true in enumerate(classes)
        for p, predicted in enumerate(classes)
    )
    shown = drawing(
        f"Confusion matrices of {len(sets)} sets of images",
        (size * across + 0.5, (size + 0.6) * down),
        plot,
    )
    caption = "Each true class's pixels (row) by the predicted class (column), in percent."
    return PrintedFigure("confusion", caption, shown, data)


def _matrix(axes: Axes, count_KK: np.ndarray, classes: Sequence[str]) -> None:
    share_KK = count_KK / np.maximum(count_KK.sum(1, keepdims=True), 1)
    edges = np.arange(len(classes) + 1) - 0.5
    axes.pcolormesh(
        edges, edges, share_KK, cmap="Blues", vmin=0, vmax=1, edgecolors=PAPER, linewidth=1
    )
    axes.set_ylim(edges[-1], edges[0])
    axes.set_aspect("equal")
    for true, predicted in np.ndindex(*share_KK.shape):
        share = share_KK[true, predicted]
        axes.text(
            predicted, true, f"{100 * share:.1f}", ha="center", va="center", fontsize=6.5,
            color=PAPER if share > 0.55 else INK,
        )  # fmt: skip
    places = range(len(classes))
    axes.set_xticks(places, classes, fontsize=6.5, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, classes, fontsize=6.5)
    axes.set_xlabel("predicted class", fontsize=7)
    axes.tick_params(length=0)
    axes.grid(visible=False)
