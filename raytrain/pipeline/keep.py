"""Which trials keep their weights. A search needs no weights of complete trials, because folds and
members are trained anew from the spec."""

import shutil
from collections.abc import Iterable
from math import inf

from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record, complete


class BestKeepers:
    """Keeps the checkpoints of the best `count` complete trials of a search, and deletes the
    others.

    Failed and paused trials keep their checkpoints, to resume from. A trial without a record is
    still running.
    """

    def __init__(self, run: RunDir, count: int, past: Iterable[Record]):
        """Start from `past`, the records of the trials that ended before."""
        self._run, self._count = run, count
        self._kept: list[Record] = []
        for record in past:
            self.ended(record)

    def ended(self, record: Record) -> None:
        """Handle the end of a trial: delete the checkpoints of the trial that is now surplus."""
        if not complete(record):
            return
        self._kept = [each for each in self._kept if each.fingerprint != record.fingerprint]
        self._kept = sorted([*self._kept, record], key=_rank)
        for each in self._kept[self._count :]:
            shutil.rmtree(self._run.trial(each.fingerprint).checkpoints, ignore_errors=True)
        del self._kept[self._count :]


def _rank(record: Record) -> tuple[float, str]:
    return -(record.best["val_score"] if record.best else -inf), record.name
