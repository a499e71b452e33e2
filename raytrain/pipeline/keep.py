"""Which trials keep their weights: a search needs none once a trial is complete, for folds and
members are trained anew from its spec."""

import shutil
from collections.abc import Iterable
from math import inf

from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record, complete


class BestKeepers:
    """The best of a search's complete trials keep their checkpoints, so many at a time.

    One that failed or was paused keeps its own, to go on from; one without a record is still at
    work.
    """

    def __init__(self, run: RunDir, count: int, past: Iterable[Record]):
        """`past`: the records of the trials that ended before."""
        self._run, self._count = run, count
        self._kept: list[Record] = []
        for record in past:
            self.ended(record)

    def ended(self, record: Record) -> None:
        """A trial has ended: the checkpoints of whichever is now one too many are deleted."""
        if not complete(record):
            return
        self._kept = [each for each in self._kept if each.fingerprint != record.fingerprint]
        self._kept = sorted([*self._kept, record], key=_rank)
        for each in self._kept[self._count :]:
            shutil.rmtree(self._run.trial(each.fingerprint).checkpoints, ignore_errors=True)
        del self._kept[self._count :]


def _rank(record: Record) -> tuple[float, str]:
    return -(record.best["val_score"] if record.best else -inf), record.name
