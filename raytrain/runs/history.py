"""`history.jsonl`: one row an epoch, 1-based, written by rank 0 alone."""

import json
from pathlib import Path
from typing import Any

from raytrain.runs.files import append_line, read_json_lines, write_bytes

Row = dict[str, Any]
"""epoch, train_loss, lr; and where there is validation val_loss, val_score (the competition's
metric), val_dice and val_dice_per_class (null for a class that the images do not show); `notes`,
where there is something to say;
`skipped` steps, where those that are not finite are left out.

Time: `seconds` of training, `samples_per_s` of all workers in them, `wait_share` (0 .. 1): what of
them a step waited for its batch, the mean over the workers; `epoch_seconds` from the end of the
epoch before to that of this one, validation and checkpoint included; `seconds_left` at most, at
that pace; `time`: when it ended, in seconds since 1970.

Size: `images` and `ranks` that took part; `host_gb` and, on GPUs, `device_gb`: the most memory that
rank 0 took so far."""


def write_history(path: Path, rows: list[Row]) -> None:
    """Replace the whole file: a resumed run starts from the rows of its checkpoint."""
    write_bytes(path, "".join(_line(row) + "\n" for row in rows).encode())


def append_row(path: Path, row: Row) -> None:
    """Add one row and flush it."""
    append_line(path, _line(row))


def read_history(path: Path) -> list[Row]:
    """All whole rows; a last line that is being written is left out."""
    remedy = f"delete the folder {path.parent} and run the same command again: it trains this again"
    return [row for _, row in read_json_lines(path, remedy)]


def best_row(rows: list[Row]) -> Row | None:
    """The first row with the highest validation score, or None without validation."""
    scored = [row for row in rows if "val_score" in row]
    return max(scored, key=lambda row: (row["val_score"], -row["epoch"])) if scored else None


def _line(row: Row) -> str:
    return json.dumps(row, allow_nan=False)
