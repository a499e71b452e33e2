"""One screen of a station on a terminal: pipeline, best score, time left, and running trials."""

from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.table import Table

from raytrain.backend.naming import short_names
from raytrain.backend.tally import Tally
from raytrain.config.duration import duration_text
from raytrain.runs.layout import RunDir

STATIONS: dict[str, Callable[[RunDir], bool]] = {
    "check": lambda run: run.data_report.is_file(),
    "search": lambda run: run.searched.is_file(),
    "cv": lambda run: any(run.oof.glob("*.npy")),
    "finalize": lambda run: run.ensemble.is_file(),
    "predict": lambda run: any(run.masks.glob("*.png")),
    "encode": lambda run: run.submission.is_file(),
}
"""The stations in order, each with a function that returns whether the station has written its
files."""
SHOWN_AS: dict[str, str] = {"final": "finalize"}
"""Station of a task -> name of the station on the screen."""
HEADS = 8
"""Number of lines of a screen that do not show a trial: three lines of text, the head and lines of
the table, and a spare line."""
NAME = 44
"""Number of columns for a trial's name."""


def screen(
    title: str, tally: Tally, rungs: list[int], usage: str, console: Console
) -> RenderableType:
    """Return the whole screen, in the size of this terminal."""
    first = next(iter(list(tally.tasks.values())), None)
    lines = []
    if first is not None:
        lines.append(stations_text(RunDir(first.run), first.station, console.options.ascii_only))
    lines.append(f"{title}: {tally.left()}")
    if first is not None and tally.best is not None:
        score, name = tally.best
        shown = short_names({name, *tally.names()}, NAME)[name]
        lines.append(f"best {first.metric.label} {score:.4f} ({shown})")
    if usage:
        lines.append(f"this machine: {usage}")
    text = "\n".join(lines)
    running = tally.running()
    if not running:
        return text
    most = max(1, console.height - HEADS)
    table = _table(tally, rungs, most)
    more = f"and {len(running) - most} more" if len(running) > most else ""
    return Group(text, table, more) if more else Group(text, table)


def stations_text(run: RunDir, station: str, ascii_only: bool) -> str:
    """Return the pipeline with a tick at each station that is done before `station`."""
    done, now, due = ("x", ">", "-") if ascii_only else ("✓", "▸", "○")
    shown = SHOWN_AS.get(station, station)
    names = list(STATIONS) if shown in STATIONS else ["check", shown]
    at = names.index(shown)
    marks = [
        now if place == at else done if place < at and STATIONS[name](run) else due
        for place, name in enumerate(names)
    ]
    return "  ".join(f"{mark} {name}" for mark, name in zip(marks, names, strict=True))


def _table(tally: Tally, rungs: list[int], most: int) -> Table:
    """Return the table of the trials that have begun and not ended, the most advanced first."""
    table = Table(box=None, pad_edge=False)
    compared = ["rung"] if rungs else []
    for column in ("running", "epoch", *compared, "loss", "score", "images/s", "waiting", "left"):
        table.add_column(column, no_wrap=True)
    names = short_names(tally.names(), NAME)
    running = sorted(tally.running(), key=lambda each: -each[1]["epoch"])
    for task, row in running[:most]:
        reached = [str(max((rung for rung in rungs if rung <= row["epoch"]), default="-"))]
        table.add_row(
            names[task.name],
            f"{row['epoch']}/{task.spec.last_epoch}",
            *(reached if rungs else []),
            f"{row['train_loss']:.4f}",
            f"{row['val_score']:.4f}" if "val_score" in row else "-",
            f"{row['samples_per_s']:.0f}",
            f"{100 * row['wait_share']:.0f} %",
            duration_text(row["seconds_left"]),
        )
    return table
