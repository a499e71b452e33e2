"""Tables for the terminal."""

import io
from typing import TYPE_CHECKING, Any

from rich.table import Table

from raytrain.config.plain import console_of, plain
from raytrain.runs.ensemble import GROUPS, Ensemble, looked_at
from raytrain.runs.messages import counted
from raytrain.search.configurations import Configuration
from raytrain.search.leaderboard import rows
from raytrain.search.stopping_cost import Stopping

if TYPE_CHECKING:  # its module imports torch
    from raytrain.metrics.evaluation import Evaluation

WIDTH = 120
ONCE = (
    "rank", "name", "val_score", "val_dice", "best_epoch", "epochs", "status", "seconds",
    "gpu_gb", "attempts",
)  # fmt: skip
REPEATED = (
    "rank", "name", "val_score", "sd", "95 %", "n", "val_dice", "epochs", "status", "gpu_gb",
    "attempts",
)  # fmt: skip


def leaderboard_table(board: list[Configuration]) -> str:
    """Return the leaderboard of these configurations as text."""
    return board_table(rows(board), any(not each.alone for each in board), [])


def board_table(found: list[dict[str, str]], repeated: bool, beside: list[str]) -> str:
    """Return these rows of the leaderboard as text, with the columns `beside` added.

    Dice is shown if it is not the score, attempts are shown if one failed, and the spread is shown
    if there are repeats.
    """
    table = Table(title="leaderboard", title_justify="left")
    own = [
        column
        for column in (REPEATED if repeated else ONCE)
        if any(_worth(column, row) for row in found)
    ]
    columns = list(dict.fromkeys((*own, *beside)))
    for column in columns:
        table.add_column(column.replace("_", " "), no_wrap=column != "name", overflow="fold")
    for row in found:
        shown = row | {"95 %": f"{row['low']} .. {row['high']}" if row["low"] else ""}
        table.add_row(*(shown.get(column, "") for column in columns))
    return as_text(table)


def _worth(column: str, row: dict[str, str]) -> bool:
    """Return whether a row has a value that makes this column worth showing."""
    match column:
        case "val_dice":
            return row["val_dice"] != row["val_score"]
        case "attempts":
            return not set(row["attempts"].split("; ")) <= {"1"}
        case "gpu_gb":
            return row["gpu_gb"] != ""
    return True


def stopping_text(cost: Stopping) -> str:
    """Return how many epochs early stopping saved, and how well the rungs agreed with the final
    ranking."""
    share = f" ({cost.spent / cost.full:.0%})" if cost.full else ""
    line = f"early stopping: {cost.spent} of {cost.full} epochs were run{share}"
    if not cost.rungs:
        return line
    table = Table(title=line, title_justify="left")
    for column in (
        "rung at epoch",
        "stopped",
        "continued",
        "rank correlation with the final ranking",
    ):
        table.add_column(column)
    for rung in cost.rungs:
        known = "-" if rung.correlation is None else f"{rung.correlation:+.2f}"
        over = f"{known} ({counted(rung.finished, 'trial')} that ran all epochs)"
        table.add_row(str(rung.epoch), str(rung.stopped), str(rung.went_on), over)
    return as_text(table)


def score_text(ensemble: Ensemble) -> str:
    """Return what was compared for the ensemble, and its out-of-fold score."""
    oof = ensemble.oof
    title = f"out-of-fold {oof['metric']} ({oof['images']} images, 95 % interval over groups):"
    lines = [f"  {_one(each.name, each.oof)}" for each in ensemble.candidates]
    tried = ensemble.comparisons
    if tried:
        lines.append(as_text(comparison_table(ensemble)))
        if any((row.gain or 0) > 0 and (row.differing or 0) < GROUPS for row in tried):
            lines.append(f"  a change is kept only if at least {GROUPS} groups score differently")
        if ensemble.chosen_on < oof["images"]:
            images = looked_at(ensemble.chosen_on, oof["images"])
            lines.append(f"  compared on {images}; the other scores are of all labeled images")
    lines += [
        f"  self-training: students {'kept' if row.kept else 'not kept'}; "
        + (
            f"the smallest gain that this comparison detects is {row.detectable:.4f}"
            if row.differing != 0
            else "no group's score differs"
        )
        for row in tried
        if row.what == "self-training"
    ]
    lines += [f"  {each.name} is left out" for each in ensemble.left_out]
    return "\n".join([title, *lines, f"  {_one(f'ensemble: {ensemble.text}', oof)}"])


def comparison_table(ensemble: Ensemble) -> Table:
    """Return a table with one row for everything that was tried, with its nested score and its
    gain."""
    title = "what was tried, each compared with the best before it (nested out-of-fold scores)"
    table = Table(title=title, title_justify="left")
    for head in ("tried", "score", "95 %", "gain", "95 %", "wins", "groups", "passes", "kept"):
        table.add_column(head, no_wrap=head != "tried", overflow="fold")
    for row in ensemble.comparisons:
        cells = [row.name, f"{row.score:.4f}", f"{row.low:.4f} .. {row.high:.4f}"]
        if row.gain is None:
            cells += [""] * 4
        else:
            cells += [f"{row.gain:+.4f}", f"{row.gain_low:+.4f} .. {row.gain_high:+.4f}"]
            known = row.differing is not None
            of_groups = f"{row.differing} of {row.groups}" if known else ""
            cells += [f"{row.wins:.0%}", of_groups]
        table.add_row(*cells, str(row.passes), "yes" if row.kept else "no")
    return table


def _one(name: str, oof: dict[str, Any]) -> str:
    return f"{name}: {oof['score']:.4f} ({oof['low']:.4f} .. {oof['high']:.4f})"


def evaluation_text(name: str, found: "Evaluation", classes: tuple[str, ...]) -> str:
    """Return the figures of a set of images as text tables: one row per class, and the confusion
    matrix if there is one."""
    images = counted(found.images, "image")
    title = f"{name}: {images}; Dice, IoU: mean ± SD over images, and over the set"
    table = Table(title=title, title_justify="left")
    heads = ("class", "precision", "recall", "F1", "Dice", "set", "IoU", "set", "Hausdorff 95, px")
    for head in heads:
        table.add_column(head, no_wrap=head != "class", overflow="fold")
    for row in found.rows(classes):
        shown = ("precision", "recall", "f1", "dice", "dice_set", "iou", "iou_set")
        cells = [_with_deviation(row, key, 4) for key in shown]
        table.add_row(row["class"], *cells, _with_deviation(row, "hausdorff95", 2))
    if found.confusion_KK is None:
        return as_text(table)
    confusion = Table(title=f"{name}: pixels of each true class", title_justify="left")
    for head in ("true class", *(f"as {each}" for each in classes)):
        confusion.add_column(head, overflow="fold")
    for each, count_K in zip(classes, found.confusion_KK.tolist(), strict=True):
        confusion.add_row(each, *map(str, count_K))
    return f"{as_text(table)}\n{as_text(confusion)}"


def _with_deviation(row: dict[str, Any], key: str, digits: int) -> str:
    """Return a figure, followed by its deviation over images if there is one; empty if the figure
    is missing."""
    if key not in row:
        return ""
    deviation = f" ± {row[f'{key}_sd']:.{digits}f}" if f"{key}_sd" in row else ""
    return f"{row[key]:.{digits}f}{deviation}"


def as_text(table: Table, width: int = WIDTH) -> str:
    """Return a rich table as text without colors, the same on every terminal. Cells may contain any
    text."""
    out = io.StringIO()
    console_of(out, width).print(table)
    return plain(out.getvalue()).rstrip()
