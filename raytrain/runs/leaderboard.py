"""`leaderboard.csv`: a view of the search's records, rebuilt from them to the same bytes."""

import csv
import io
from math import inf

from raytrain.runs.files import write_bytes
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record, read_records

COLUMNS = (
    "rank", "name", "val_score", "val_dice", "best_epoch", "epochs", "status", "val_loss", "loss",
    "lr", "seconds", "fingerprint",
)  # fmt: skip


def ranked(run: RunDir) -> list[Record]:
    """The search's records, best validation score first; failed ones last."""
    records = [record for record in read_records(run) if record.station == "search"]
    return sorted(records, key=lambda r: (-(r.best["val_score"] if r.best else -inf), r.name))


def rows(records: list[Record]) -> list[dict[str, str]]:
    """One row of text a record, in the order given."""
    return [
        {
            "rank": str(rank),
            "name": record.name,
            "val_score": f"{record.best['val_score']:.4f}" if record.best else "",
            "val_dice": f"{record.best['val_dice']:.4f}" if record.best else "",
            "best_epoch": str(record.best["epoch"]) if record.best else "",
            "epochs": f"{record.epochs}/{record.spec.epochs}",
            "status": record.status,
            "val_loss": f"{record.best['val_loss']:.4f}" if record.best else "",
            "loss": record.spec.loss_label,
            "lr": f"{record.spec.optimizer.lr:g}",
            "seconds": f"{record.seconds:.1f}",
            "fingerprint": record.fingerprint,
        }
        for rank, record in enumerate(records, 1)
    ]


def write_leaderboard(run: RunDir) -> list[Record]:
    """Write the file and return its records in order."""
    records = ranked(run)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(records))
    write_bytes(run.leaderboard, text.getvalue().encode())
    return records
