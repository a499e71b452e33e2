"""Which trials keep their weights: a search needs none once a trial is complete, for folds and
members are trained anew from its spec."""

import shutil

from raytrain.runs.layout import RunDir
from raytrain.runs.leaderboard import ranked
from raytrain.runs.record import complete


def keep_best(run: RunDir, count: int) -> None:
    """Delete the checkpoints of all complete trials but the best so many. One that failed or was
    paused keeps its own, to go on from; one without a record is still at work."""
    ended = [record for record in ranked(run) if complete(record)]
    for record in ended[count:]:
        shutil.rmtree(run.trial(record.fingerprint).checkpoints, ignore_errors=True)
