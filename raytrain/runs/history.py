"""`history.jsonl`: one row per epoch, counted from 1. Only rank 0 writes it."""

import json
from pathlib import Path
from typing import Any

from raytrain.runs.files import append_line, read_json_lines, write_bytes

Row = dict[str, Any]
"""One epoch. The keys are epoch, train_loss and lr. With validation there are val_loss, val_score
(the competition's metric), val_dice and val_dice_per_class (null for a class that the images do not
show), and val_measures (name -> score) if the job names more metrics. train_score and train_dice
are of the training images, in the epochs that score these. `notes` holds messages, if there are
any. `skipped` counts the skipped steps, if steps that are not finite are skipped.

Time: `seconds` of training; `samples_per_s` of all workers in them; `wait_share` (0 .. 1), the
share of that time that steps waited for their batch, as the mean over the workers; `epoch_seconds`
from the end of the previous epoch to the end of this one, including validation and the wait for the
previous checkpoint; `seconds_left`, an upper bound at that pace; `time` at the end, in seconds
since 1970.

Size: number of `images`, and of `ranks` that took part; the `device`'s name, `host_gb`
and, on GPUs, `device_gb`: the peak memory of rank 0 so far. `hold` is `device` if the windows are
kept there."""


def write_history(path: Path, rows: list[Row]) -> None:
    """Write the whole history anew, because a resumed training starts from the rows of its
    checkpoint."""
    write_bytes(path, "".join(_line(row) + "\n" for row in rows).encode())


def append_row(path: Path, row: Row) -> None:
    """Append the row of one epoch to the history, and flush it to disk."""
    append_line(path, _line(row))


def read_history(path: Path) -> list[Row]:
    """Return all complete rows. An incomplete last line is left out."""
    remedy = (
        f"delete the folder {path.parent} and run the same command again: it trains this "
        "trial again"
    )
    return [row for _, row in read_json_lines(path, remedy)]


def best_row(rows: list[Row]) -> Row | None:
    """Return the first row with the highest validation score, or None without validation."""
    scored = [row for row in rows if "val_score" in row]
    return max(scored, key=lambda row: (row["val_score"], -row["epoch"])) if scored else None


def _line(row: Row) -> str:
    return json.dumps(row, allow_nan=False)
