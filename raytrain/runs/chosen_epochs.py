"""Decisions from the history: the end of training, checkpoints to keep, weights to ship.

All decisions follow from the rows alone, so that a resumed training decides like an uninterrupted
one.
"""

import math

from raytrain.config.shipping import (
    AverageBestSpec,
    BestSpec,
    EarlyStopSpec,
    EpochsSpec,
    LastSpec,
    OneShip,
    SwaSpec,
    candidates,
)
from raytrain.config.trial import TrialSpec
from raytrain.runs.history import Row


def ended(spec: TrialSpec, rows: list[Row]) -> bool:
    """Return whether training ends after these rows."""
    return len(rows) >= spec.last_epoch or early_end(spec.stop, rows) is not None


def early_end(stop: EarlyStopSpec | None, rows: list[Row]) -> str | None:
    """Return why training ends early after these rows, or None."""
    if stop is None or not rows:
        return None
    sign = -1 if stop.watch.endswith("loss") else 1
    best, since = -math.inf, 0
    for row in rows:
        if sign * row[stop.watch] > best + stop.min_delta:
            best, since = sign * row[stop.watch], row["epoch"]
    if rows[-1]["epoch"] - since < stop.patience:
        return None
    return f"ended early: {stop.watch} has not improved since epoch {since}"


def shipped_epochs(kind: OneShip, rows: list[Row], epochs: int) -> tuple[int, ...]:
    """Return the epochs, in rising order, whose weights are averaged and shipped if training ends
    after these rows."""
    last = rows[-1]["epoch"]
    match kind:
        case LastSpec():
            return (last,)
        case BestSpec():
            return _best(rows, kind.watch, 1)
        case AverageBestSpec():
            return _best(rows, "val_score", kind.count)
        case SwaSpec():
            return tuple(e for e in range(1, last + 1) if in_swa(kind, e, epochs)) or (last,)
        case EpochsSpec():
            return tuple(epoch for epoch in kind.at if epoch <= last) or (last,)


def in_swa(kind: SwaSpec, epoch: int, epochs: int) -> bool:
    """Return whether the average of SWA includes the weights after this epoch."""
    return epoch > kind.start * epochs


def kept_epochs(spec: TrialSpec, rows: list[Row]) -> set[int]:
    """Return the epochs with checkpoints to keep after the last row: those requested, and those
    that may be shipped. The epochs to keep after the previous row are included, because training
    resumes from them if a checkpoint is damaged."""
    kept: set[int] = set()
    for part in (rows, rows[:-1]):
        done = [row["epoch"] for row in part]
        kept |= set(done[-spec.keep.last :] if part is rows else [])
        kept |= set(_best(part, "val_score", spec.keep.best))
        kept |= {epoch for epoch in done if spec.keep.every and epoch % spec.keep.every == 0}
        for kind in candidates(spec.ship) if part else ():
            # The mean of many epochs is updated continuously, not computed from their checkpoints.
            kept |= set() if isinstance(kind, SwaSpec) else {
                *shipped_epochs(kind, part, spec.epochs)
            }  # fmt: skip
    return kept


def _best(rows: list[Row], watch: str, count: int) -> tuple[int, ...]:
    """Return the epochs with the best figures. On a tie, earlier epochs are taken. There are none
    without validation."""
    sign = -1 if watch.endswith("loss") else 1
    scored = [row for row in rows if watch in row]
    best = sorted(scored, key=lambda row: (-sign * row[watch], row["epoch"]))[:count]
    return tuple(sorted(row["epoch"] for row in best))
