"""A failed trial is tried again: with half the batch where memory was too little, else as it was.

The spec, and so the fingerprint, stays the same: the halved batch stands in `attempts.jsonl` and in
the record.
"""

from dataclasses import replace

from raytrain.runs.attempts import Attempt, Failure, append_attempt, read_attempts, tried_batch
from raytrain.runs.history import read_history
from raytrain.runs.record import Task

RETRIES = 1
LOSSES = 3
"""Lost workers and nodes that do not count as retries: the trial is not to blame for them."""


def as_tried(task: Task) -> Task:
    """The task as its next attempt trains it."""
    batch = tried_batch(task.spec.batch_size, read_attempts(task.trial_dir))
    return replace(task, spec=task.spec.model_copy(update={"batch_size": batch}))


def note_failure(task: Task, failure: Failure) -> Attempt:
    """Write down that an attempt failed."""
    attempt = Attempt(
        batch_size=as_tried(task).spec.batch_size,
        epochs=len(read_history(task.trial_dir.history)),
        reason=failure.reason,
        cause=failure.cause,
    )
    append_attempt(task.trial_dir, attempt)
    return attempt
