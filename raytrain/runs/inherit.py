"""A trial that begins where another one stands: with copies of what its training goes on from."""

import shutil

from raytrain.runs.history import read_history, write_history
from raytrain.runs.layout import TrialDir


def inherit(parent: TrialDir, heir: TrialDir, epoch: int) -> None:
    """Let `heir` go on from the parent's checkpoint after `epoch`, with its rows and the batch that
    was halved. What has begun is left alone.

    Without that checkpoint it goes on from an earlier one or trains from its start: where its spec
    says what the parent's said up to this epoch, it comes to the same.
    """
    if heir.history.is_file():
        return
    heir.checkpoints.mkdir(parents=True, exist_ok=True)
    # The card comes after its weights, which count only with it.
    for weights in sorted(parent.checkpoints.glob("epoch_*.pt")):
        if int(weights.stem.split("_")[1]) <= epoch:
            for path in (weights, weights.with_suffix(".json")):
                shutil.copy2(path, heir.checkpoints / path.name)
    for path in (parent.evidence, parent.attempts, parent.parts):
        if path.is_file():
            shutil.copy2(path, heir.path / path.name)
    write_history(heir.history, read_history(parent.history)[:epoch])
