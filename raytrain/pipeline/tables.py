"""Tables for the terminal."""

import io

from rich.console import Console
from rich.table import Table

from raytrain.runs.leaderboard import rows
from raytrain.runs.record import Record

WIDTH = 120
SHOWN = ("rank", "name", "val_score", "val_dice", "best_epoch", "epochs", "status", "seconds")


def leaderboard_table(records: list[Record]) -> str:
    """The leaderboard as text."""
    table = Table(title="leaderboard", title_justify="left")
    for column in SHOWN:
        table.add_column(column.replace("_", " "), no_wrap=column != "name", overflow="fold")
    for row in rows(records):
        table.add_row(*(row[column] for column in SHOWN))
    return as_text(table)


def as_text(table: Table, width: int = WIDTH) -> str:
    """A rich table without colours, the same on every terminal."""
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue().rstrip()
