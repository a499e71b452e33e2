"""The figures of the page. Each is drawn from plain values as inline SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from raytrain.report.drawing import HEIGHT_IN, draw
from raytrain.report.palette import (
    ACCENT,
    INK,
    MUTED,
    PAPER,
    STOP,
    class_color,
)
from raytrain.runs.ensemble import Comparison
from raytrain.runs.search_log import RungEvent
from raytrain.search.stopping_cost import RungRank
from raytrain.submission.agreement import Agreement

RIM: dict[str, Any] = {"markeredgecolor": PAPER, "markeredgewidth": 0.8}


@dataclass(frozen=True)
class Interval:
    """A score with its 95 % interval and its classes."""

    name: str
    score: float
    low: float
    high: float
    per_class: Sequence[float]


def rung_decisions(events: list[RungEvent], metric: str, alt: str) -> Markup:
    """Draw the validation scores of the trials at each rung, and the decisions."""
    rungs = sorted({event.epoch for event in events})

    def plot(figure: Figure, axes: Axes) -> None:
        for decision, marker, color, aside in (
            ("go on", "o", ACCENT, -0.07),
            ("stop", "X", STOP, 0.07),
        ):
            found = [event for event in events if event.decision == decision]
            x = [rungs.index(event.epoch) + aside for event in found]
            y = [event.val_score for event in found]
            label = f"{decision} ({len(found)})"
            axes.plot(x, y, marker, color=color, alpha=0.85, markersize=8, label=label, **RIM)
        axes.set_xticks(range(len(rungs)), [f"epoch {rung}" for rung in rungs])
        axes.set_xlim(-0.5, len(rungs) - 0.5)
        axes.margins(y=0.1)
        axes.legend(
            loc="lower right", bbox_to_anchor=(1, 1), borderpad=0, ncols=2, frameon=False,
            handletextpad=0.2,
        )  # fmt: skip

    return draw(alt, f"validation {metric} at the rung", "rung", HEIGHT_IN, plot)


def rank_correlations(rungs: list[RungRank], alt: str) -> Markup:
    """Draw Spearman's correlation of the scores at each rung with the best scores. At 1, early
    stopping cannot have removed a better trial."""

    def plot(figure: Figure, axes: Axes) -> None:
        places = range(len(rungs))
        axes.axhline(0, color=MUTED, linewidth=0.9)
        for place, rung in zip(places, rungs, strict=True):
            value = rung.correlation or 0.0
            axes.plot([place, place], [0, value], color=ACCENT, linewidth=3, alpha=0.55)
            axes.plot(place, value, "o", color=ACCENT, markersize=9, **RIM)
            axes.annotate(f"{value:+.2f}", (place + 0.08, value), va="center")
        labels = [f"epoch {rung.epoch}\n{rung.finished} trials" for rung in rungs]
        axes.set_xticks(places, labels)
        axes.set_xlim(-0.5, len(rungs) - 0.3)
        axes.set_ylim(min(0.0, *(rung.correlation or 0.0 for rung in rungs)) - 0.1, 1.1)

    return draw(alt, "rank correlation with the final ranking", "rung", HEIGHT_IN, plot)


def intervals(scores: list[Interval], metric: str, classes: Sequence[str], alt: str) -> Markup:
    """Draw candidates and, last, the ensemble: the interval, the score, and a diamond for each
    class. The first class is the background."""

    def plot(figure: Figure, axes: Axes) -> None:
        for place, score in enumerate(scores):
            last = place == len(scores) - 1
            color = ACCENT if last else INK
            axes.plot([score.low, score.high], [place] * 2, color=color, linewidth=3, alpha=0.55)
            for number, value in enumerate(score.per_class if classes else (), 1):
                label = classes[number] if last else None
                fill = class_color(number)
                axes.plot(value, place, "d", color=fill, markersize=6, label=label, **RIM)
            axes.plot(score.score, place, "o", color=color, markersize=9, **RIM)
        axes.set_yticks(range(len(scores)), [score.name for score in scores])
        axes.set_ylim(len(scores) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        if classes:
            figure.legend(loc="outside upper left", ncols=3, frameon=False, handletextpad=0.1)

    return draw(alt, "", f"out-of-fold {metric}", 1.4 + 0.45 * len(scores), plot)


def step_curves(step: Comparison, metric: str) -> Markup:
    """Draw the score at each value of a step's parameter, with a line for each class. The values
    are evenly spaced."""

    def plot(figure: Figure, axes: Axes) -> None:
        values = [value for value, _ in next(iter(step.curves.values()))]
        for number, (name, points) in enumerate(step.curves.items(), 1):
            scores = [score for _, score in points]
            axes.plot(scores, "o-", color=class_color(number), label=name, markersize=4)
        places = range(0, len(values), 1 + len(values) // 8)
        axes.set_xticks(places, [f"{values[place]:g}" for place in places])
        figure.legend(loc="outside upper left", ncols=3, frameon=False)

    alt = f"Out-of-fold {metric} at each value of the step {step.name}"
    return draw(alt, f"out-of-fold {metric}", step.name.replace("_", " "), HEIGHT_IN, plot)


def out_of_fold_against_public(found: Agreement, run: str, alt: str) -> Markup:
    """Draw a dot per entry with its out-of-fold interval. Entries of `run` are highlighted."""

    def plot(figure: Figure, axes: Axes) -> None:
        for point in found.points:
            color = ACCENT if point.run == run else MUTED
            ends = [point.oof.low, point.oof.high]
            axes.plot(ends, [point.public] * 2, color=color, linewidth=2, alpha=0.45)
            axes.plot(point.oof.mean, point.public, "o", color=color, markersize=8, **RIM)
        axes.margins(x=0.1, y=0.15)

    return draw(alt, "public score", "out-of-fold score", HEIGHT_IN, plot)


def image_scores(per_class_NK: np.ndarray, classes: Sequence[str], alt: str) -> Markup:
    """Draw a dot per image and foreground class in 0 .. 1, with the median of each class."""
    names = list(classes[1:])
    # Dots are spread only to avoid overlap, always in the same way.
    spread_N = np.random.default_rng(0).uniform(-0.26, 0.26, len(per_class_NK))

    def plot(figure: Figure, axes: Axes) -> None:
        for place in range(len(names)):
            dice_N = per_class_NK[:, place]
            fill = class_color(place + 1)
            axes.plot(dice_N, place + spread_N, "o", color=fill, alpha=0.6, markersize=4.2, mew=0)
            middle = float(np.median(dice_N))
            axes.plot([middle] * 2, [place - 0.36, place + 0.36], color=INK, linewidth=2)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(-0.02, 1.02)
        axes.grid(axis="y", visible=False)

    return draw(alt, "", "out-of-fold Dice of one image", 1.1 + 0.55 * len(names), plot)
