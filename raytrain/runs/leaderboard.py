"""`leaderboard.csv`: a view of the search's records; rebuilding it gives the same bytes.

It has one row per configuration, with the means over its repeats.
"""

import csv
import io
from math import inf

from raytrain.runs.configurations import Configuration, configurations
from raytrain.runs.files import write_bytes
from raytrain.runs.layout import RunDir
from raytrain.runs.present import present_records
from raytrain.runs.record import Record

COLUMNS = (
    "rank", "name", "val_score", "sd", "low", "high", "n", "val_dice", "best_epoch", "epochs",
    "status", "val_loss", "loss", "lr", "seconds", "attempts", "fingerprint", "scores",
    "trials",
)  # fmt: skip


def ranked(run: RunDir) -> list[Record]:
    """Return the records that the current job's search could have, best validation score first;
    those without a score come last."""
    return sorted(
        present_records(run),
        key=lambda r: (-(r.best["val_score"] if r.best else -inf), r.name),
    )


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
        "attempts": "; ".join(record.tries for record in each.records),
        "fingerprint": each.fingerprint,
        "scores": _joined([_figure(score) for score in each.scores]),
        "trials": _joined([record.fingerprint for record in each.records]),
    }


def write_leaderboard(run: RunDir) -> list[Configuration]:
    """Write the file and return its configurations in order."""
    board = configurations(ranked(run))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(board))
    write_bytes(run.leaderboard, text.getvalue().encode())
    return board


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _joined(parts: list[str]) -> str:
    return " ".join(parts)
