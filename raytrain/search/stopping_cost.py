"""The cost of early stopping: epochs run, trials stopped, and the reliability of the rungs."""

import math
from dataclasses import dataclass

from raytrain.runs.history import Row
from raytrain.runs.record import Record
from raytrain.runs.search_log import RungEvent, settled

FEWEST = 3
"""Smallest number of trials for a rank correlation."""


@dataclass(frozen=True)
class RungRank:
    """The decisions at one rung, and how well the order of trials at the rung agreed with the final
    one."""

    epoch: int
    stopped: int
    went_on: int
    correlation: float | None
    """Spearman's correlation between the scores at the rung and the best scores, over the trials
    that ran all their epochs, because others have no final score. None for too few trials, or if
    all scores are equal."""
    finished: int
    """Number of trials in the correlation."""


@dataclass(frozen=True)
class Stopping:
    """What a search saved by early stopping, and how well its rungs foretold the final scores."""

    spent: int
    """Number of epochs that were run."""
    full: int
    """Number of epochs if every trial had run to its end."""
    rungs: list[RungRank]


def stopping(
    records: list[Record], histories: dict[str, list[Row]], events: list[RungEvent]
) -> Stopping:
    """Compute the figures from the records, the events, and the histories, which are given by
    fingerprint."""
    known = {record.fingerprint for record in records}
    found = [event for event in settled(events) if event.trial in known]
    finished = [record for record in records if record.status == "finished" and record.best]
    rungs = []
    for epoch in sorted({event.epoch for event in found}):
        here = [event.decision for event in found if event.epoch == epoch]
        pairs = [
            (histories[record.fingerprint][epoch - 1]["val_score"], record.best["val_score"])
            for record in finished
            if record.best and record.epochs >= epoch
        ]
        stopped, on = here.count("stop"), here.count("go on")
        rungs.append(RungRank(epoch, stopped, on, _correlation(pairs), len(pairs)))
    full = sum(record.spec.last_epoch for record in records)
    return Stopping(sum(record.epochs for record in records), full, rungs)


def _correlation(pairs: list[tuple[float, float]]) -> float | None:
    if len(pairs) < FEWEST or any(len(set(side)) == 1 for side in zip(*pairs, strict=True)):
        return None
    from scipy.stats import spearmanr  # imported here, because it is slow to import

    value = float(spearmanr(*zip(*pairs, strict=True)).statistic)
    return None if math.isnan(value) else value
