"""A study's figures: which there are, what shares a panel, and what is clipped."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from matplotlib.figure import Figure

from raytrain.report.palette import STOP
from raytrain.report.printed import PrintedFigure
from raytrain.report.study import curves, results
from raytrain.report.study_groups import MOST_LINES, by_loss, divided, styles
from raytrain.report.study_table import Choice, Spread, StudyTable


def choice_of(
    labels: tuple[str, ...], loss: str, scores: tuple[float, ...], **changes: Any
) -> Choice:
    def rows(score: float) -> list[dict[str, Any]]:
        return [
            {"epoch": epoch, "train_loss": 1 / epoch, "val_loss": 2 / epoch + score,
             "val_dice": score * epoch / 4, "val_score": score * epoch / 4}
            for epoch in (1, 2, 3, 4)
        ]  # fmt: skip

    def number(label: str) -> float | None:
        try:
            return float(label)
        except ValueError:
            return None

    low, high = (min(scores), max(scores)) if len(scores) > 1 else (None, None)
    known: dict[str, Any] = {
        "labels": labels, "numbers": tuple(map(number, labels)), "loss": loss, "gradients": True,
        "ours": (Spread(scores, low, high),), "stated": (None,),
        "best_epochs": (4,) * len(scores), "histories": [rows(score) for score in scores],
    }  # fmt: skip
    return Choice(**(known | changes))


def table_of(factors: tuple[str, ...], choices: list[Choice]) -> StudyTable:
    best_first = sorted(choices, key=lambda each: -(each.ours[0].mean if each.ours[0] else 0))
    return StudyTable(
        "Z1", "a figure", "same", "other", factors, ("Dice",), best_first, [], "repeats"
    )  # fmt: skip


def rates(count: int, repeats: int = 1) -> StudyTable:
    scores = [tuple(0.5 + n / 100 + r / 1000 for r in range(repeats)) for n in range(count)]
    return table_of(
        ("optimizer.lr",),
        [choice_of((f"{10**-n:g}",), "ce", score) for n, score in enumerate(scores, 1)],
    )


def grid() -> StudyTable:
    """Three optimizers and three losses."""
    return table_of(
        ("optimizer", "loss"),
        [
            choice_of((name, loss), loss, (0.1 * i + 0.01 * j + 0.2,), stated=(0.5 + 0.1 * j,))
            for i, name in enumerate(("adam", "sgd", "rmsprop"))
            for j, loss in enumerate(("dice", "ce", "focal"))
        ],
    )


def named(figures: Iterable[PrintedFigure], name: str) -> PrintedFigure:
    """The figure of this name; those after it are not drawn."""
    return next(figure for figure in figures if figure.name == name)


def panels_of(figure: Figure) -> list[Any]:
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (rates(3), ["score_factor", "loss_factor"]),
        (rates(3, repeats=3), ["score_factor", "loss_factor", "boxes"]),
        (grid(), ["grid", "bars"]),
    ],
)
def test_figures_suit_the_factors(table: StudyTable, expected: list[str]) -> None:
    assert [figure.name for figure in results(table)] == expected
    names = [figure.name for figure in curves(table)]
    assert names == ["loss_curves", "dice_curves", "loss_panels"]


def test_losses_of_different_kinds_share_no_axis() -> None:
    table = grid()
    groups = by_loss(table, table.choices)
    assert [{choice.loss for choice in group.choices} for group in groups] == [
        {"focal"}, {"ce"}, {"dice"},
    ]  # fmt: skip
    drawn = named(curves(table), "loss_curves").drawing.figure
    assert len(drawn.axes) == 2 * 3
    assert len({axes.get_ylim() for axes in drawn.axes}) > 1
    assert not drawn.axes[0].get_shared_y_axes().joined(drawn.axes[0], drawn.axes[2])


@pytest.mark.slow
@pytest.mark.parametrize("count", [8, 9, 26])
def test_every_choice_can_be_told_apart(count: int) -> None:
    table = rates(count)
    groups = divided(table, table.choices, "")
    assert [choice for group in groups for choice in group.choices] == table.choices
    assert max(len(group.choices) for group in groups) <= MOST_LINES
    drawn = [figure.drawing.figure for figure in curves(table) if "dice" in figure.name]
    for axes in (axes for figure in drawn for axes in figure.axes):
        looks = [(line.get_color(), str(line.get_linestyle())) for line in axes.lines]
        assert len(set(looks)) == len(looks)
        legend = [text.get_text() for text in axes.get_legend().get_texts()]
        assert len(legend) == len(set(legend)) == len(looks)
        assert axes.get_legend().get_title().get_text() == "lr"


def test_a_factor_divides_many_choices() -> None:
    choices = [
        choice_of((f"net{n}", str(depth)), "ce", (0.5 + n / 50 + depth / 1000,))
        for n in range(6)
        for depth in range(3)
    ]
    table = table_of(("model", "model.depth"), choices)
    titles = [group.title for group in divided(table, table.choices, "")]
    assert titles == ["depth = 2", "depth = 1", "depth = 0"]


def test_styles_are_distinct() -> None:
    assert len({str(look) for look in styles([str(n) for n in range(24)]).values()}) == 24


def test_one_panel_for_each_choice_best_first() -> None:
    drawn = named(curves(rates(5)), "loss_panels").drawing.figure
    titles = [axes.get_title(loc="left") for axes in panels_of(drawn)]
    assert titles == [f"lr = {10**-n:g}" for n in (5, 4, 3, 2, 1)]
    assert len({axes.get_ylim() for axes in panels_of(drawn)}) == 5


def test_a_figure_of_many_choices_is_divided_into_pages() -> None:
    names = [figure.name for figure in curves(rates(21)) if "panels" in figure.name]
    assert names == ["loss_panels_1", "loss_panels_2"]


def test_a_divergent_choice_is_clipped_and_marked() -> None:
    wild = choice_of(("0.5",), "ce", (0.1,))
    wild.histories[0][2]["val_loss"] = 4e4
    table = table_of(("lr",), [wild, choice_of(("0.1",), "ce", (0.5,))])
    figures = list(curves(table))
    _, val = named(figures, "loss_curves").drawing.figure.axes
    assert val.get_ylim()[1] < 10
    assert [text.get_text() for text in val.get_legend().get_texts()] == [
        "0.1",
        "0.5 (up to 4e+04)",
    ]
    (mark,) = [line for line in val.lines if line.get_marker() == "^"]
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (3, val.get_ylim()[1])
    panel = panels_of(named(figures, "loss_panels").drawing.figure)[1]
    assert [text.get_text() for text in panel.texts] == ["4e+04"]


def test_bars_have_the_sources_figure_as_a_line_and_baselines_in_gray() -> None:
    forest = choice_of(("forest",), "none", (0.6,), gradients=False, stated=(0.7,))
    table = table_of(("model",), [choice_of(("unet",), "ce", (0.8,)), forest])
    bars = named(results(table), "bars")
    (axes,) = bars.drawing.figure.axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["unet", "forest"]
    assert [bar.get_width() for bar in axes.patches] == [0.8, 0.6]
    assert len({bar.get_facecolor() for bar in axes.patches}) == 2
    source = [line for line in axes.lines if line.get_label() == "the source's figure"]
    assert [set(line.get_xdata()) for line in source] == [{0.7}]
    assert {line.get_color() for line in source} == {STOP}
    assert "an orange line is the source's figure" in bars.caption
    assert bars.data["source"].tolist()[1] == 0.7
    # A baseline has no epochs to draw.
    drawn = named(curves(table), "loss_panels").drawing.figure
    assert len(panels_of(drawn)) == 1
    assert not list(curves(table_of(("model",), [forest])))


def test_the_figure_of_a_bar_is_at_the_end_of_its_interval_at_0_too() -> None:
    choice = choice_of(("unet",), "ce", (-0.2,), ours=(Spread((-0.2,), -0.4, 0.0),))
    (axes,) = named(results(table_of(("model",), [choice])), "bars").drawing.figure.axes
    assert [text.xy for text in axes.texts] == [(0.0, 0)]


def test_more_than_four_measures_are_drawn_below_each_other_and_no_label_meets_another() -> None:
    names = tuple(f"-weighted cross-entropy {number}" for number in range(6))
    spread = Spread((-0.3,), -0.4, -0.2)
    choice = choice_of(("unet",), "ce", (-0.3,), ours=(spread,) * 6, stated=(None,) * 6)
    figure = named(
        results(replace(table_of(("model",), [choice]), measures=names)), "bars"
    ).drawing.figure
    figure.draw_without_rendering()
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_xlabel().replace("\n", " ") for axes in shown] == [*names]
    boxes = [axes.xaxis.label.get_window_extent() for axes in shown]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    # The number of a negative bar is right of it, away from the names of the choices.
    assert {text.xy[0] for axes in shown for text in axes.texts} == {0}


def test_the_heat_map_has_each_combination_best_first_with_the_sources_figure() -> None:
    axes = panels_of(named(results(grid()), "grid").drawing.figure)[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["rmsprop", "sgd", "adam"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["focal", "ce", "dice"]
    texts = {tuple(map(round, text.get_position())): text.get_text() for text in axes.texts}
    assert texts[0, 0] == "0.420\n(0.700)"
    assert len(texts) == 9


def test_an_axis_that_spans_decades_is_logarithmic() -> None:
    wide = named(results(rates(4)), "score_factor").drawing.figure.axes[0]
    assert wide.get_xscale() == "log"
    depths = [choice_of((str(n),), "ce", (0.5,)) for n in (1, 2, 3)]
    narrow = named(results(table_of(("depth",), depths)), "score_factor")
    assert narrow.drawing.figure.axes[0].get_xscale() == "linear"


def test_dots_are_those_of_the_repeats() -> None:
    figure = named(results(rates(3, repeats=2)), "score_factor")
    dots = [line.get_ydata() for line in figure.drawing.figure.axes[0].lines[:3]]
    assert sorted(value for each in dots for value in each) == pytest.approx(
        [0.5, 0.501, 0.51, 0.511, 0.52, 0.521]
    )
