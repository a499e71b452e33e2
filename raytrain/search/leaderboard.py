"""`leaderboard.csv`: a view of the search's records. Writing it again gives the same bytes.

It has one row per configuration, with the means over its repeats.
"""

import csv
import io
from collections.abc import Callable
from math import inf
from typing import Any

from raytrain.config.codes import CodedError
from raytrain.config.errors import unknown_name
from raytrain.runs.files import write_bytes
from raytrain.runs.layout import RunDir
from raytrain.runs.mirror import send
from raytrain.runs.record import Record, read_records
from raytrain.runs.search_log import present_records
from raytrain.search.configurations import Configuration, configurations

COLUMNS = (
    "rank", "name", "val_score", "sd", "low", "high", "n", "val_dice", "best_epoch", "epochs",
    "status", "val_loss", "loss", "lr", "seconds", "gpu_gb", "attempts", "fingerprint", "scores",
    "trials",
)  # fmt: skip
NUMBERS: dict[str, Callable[[str], Any]] = {
    "rank": int, "val_score": float, "sd": float, "low": float, "high": float, "n": int,
    "val_dice": float, "val_loss": float, "lr": float, "seconds": float, "gpu_gb": float,
}  # fmt: skip
"""Columns whose cells hold one number, or nothing."""


def ranked(run: RunDir) -> list[Record]:
    """Return the records of the trials that the current job's search could draw, best validation
    score first. Records without a score come last."""
    return by_score(present_records(run, read_records(run)))


def by_score(records: list[Record]) -> list[Record]:
    """Return the records, best validation score first. Records without a score come last."""
    return sorted(records, key=lambda r: (-(r.best["val_score"] if r.best else -inf), r.name))


def rows(board: list[Configuration]) -> list[dict[str, str]]:
    """Return one row of text per configuration, in the given order."""
    return [{"rank": str(rank), **_row(each)} for rank, each in enumerate(board, 1)]


def _row(each: Configuration) -> dict[str, str]:
    low, high = each.interval or (None, None)
    counts = [f"{record.epochs}/{record.spec.epochs}" for record in each.records]
    statuses = [record.status for record in each.records]
    return {
        "name": each.name,
        "val_score": _figure(each.mean),
        "sd": _figure(each.sd),
        "low": _figure(low),
        "high": _figure(high),
        "n": str(len(each.counted)),
        "val_dice": _figure(each.mean_of("val_dice")),
        "best_epoch": _joined([str(best["epoch"]) for best in each.bests]),
        "epochs": _joined(sorted(set(counts))),
        "status": _joined(sorted(set(statuses))),
        "val_loss": _figure(each.mean_of("val_loss")),
        "loss": each.spec.loss_label,
        "lr": f"{each.spec.optimizer.lr:g}",
        "seconds": f"{sum(record.seconds for record in each.records):.1f}",
        "gpu_gb": _gigabytes(each.records),
        "attempts": "; ".join(record.tries for record in each.records),
        "fingerprint": each.fingerprint,
        "scores": _joined([_figure(score) for score in each.scores]),
        "trials": _joined([record.fingerprint for record in each.records]),
    }


def figures(board: list[Configuration]) -> list[dict[str, Any]]:
    """Return the rows as values: numbers in the columns of numbers, and None for missing values."""
    return [figured(row) for row in rows(board)]


def figured(row: dict[str, str]) -> dict[str, Any]:
    """Return a row as values: numbers in the columns of numbers, and None for missing values."""
    return {
        key: (NUMBERS[key](text) if text else None) if key in NUMBERS else text
        for key, text in row.items()
    }


def write_leaderboard(run: RunDir) -> list[Configuration]:
    """Write the file and return its configurations in order."""
    board = configurations(ranked(run))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(board))
    write_bytes(run.leaderboard, text.getvalue().encode())
    send(run.leaderboard)
    return board


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _gigabytes(records: tuple[Record, ...]) -> str:
    """Return the largest peak of memory of the repeats on a GPU, in GB, as text; empty on the
    CPU."""
    peaks = [r.last["device_gb"] for r in records if r.last and "device_gb" in r.last]
    return f"{max(peaks):.3f}" if peaks else ""


def _joined(parts: list[str]) -> str:
    return " ".join(parts)


FEWEST = 4
"""Smallest number of digits by which a fingerprint can be named."""


def named(run: RunDir, name: str) -> Configuration:
    """Return the configuration, or the single trial, with this name or beginning of a fingerprint.

    Members of the ensemble are not found, because no images were held out from their training.
    Raises ValueError with the nearest name if none matches, and with a list if several match.
    """
    board = configurations(record for record in read_records(run) if record.station != "final")
    known = {each.key: each for each in board}
    known |= {record.fingerprint: Configuration(each.key, (record,))
              for each in board for record in each.records}  # fmt: skip
    exact = [each for key, each in known.items() if name in (key, each.name)]
    # A configuration with a single repeat is the same as its trial.
    found = exact or [
        each for key, each in known.items() if len(name) >= FEWEST and key.startswith(name)
    ]
    found = list({tuple(r.fingerprint for r in each.records): each for each in found}.values())
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(f"{each.name} ({each.fingerprint})" for each in found)
        raise ValueError(
            f"{run.path.name}: {name!r} matches {listed}; give more digits of the fingerprint"
        )
    if not board:
        raise CodedError(
            "missing", f"{run.path}: no trial has a record; run `raytrain search` first"
        )
    names = [word for key, each in known.items() for word in (each.name, key)]
    raise ValueError(f"{run.path.name}: no such trial: {unknown_name(name, names)}")
