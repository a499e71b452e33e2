"""Which trials keep their weights: a search needs none once a trial is complete, for folds and
members are trained anew from its spec."""

import shutil

from raytrain.runs.layout import RunDir
from raytrain.runs.leaderboard import ranked


def keep_best(run: RunDir, count: int) -> None:
    """Delete the checkpoints of all complete trials but the best so many. A trial that failed keeps
    its own: another attempt goes on from them; one without a record is still at work."""
    complete = [record for record in ranked(run) if record.status != "failed"]
    for record in complete[count:]:
        shutil.rmtree(run.trial(record.fingerprint).checkpoints, ignore_errors=True)
