"""Retries of a failed trial. If memory did not suffice, the retry uses half the batch; otherwise
nothing changes.

The spec does not change, and so the fingerprint does not, either. The reduced batch is recorded in
`attempts.jsonl` and in the record.
"""

from dataclasses import replace

from raytrain.runs.attempts import Attempt, Failure, read_attempts, tried_batch
from raytrain.runs.files import append_line
from raytrain.runs.history import read_history
from raytrain.runs.mirror import send
from raytrain.runs.record import Task

RETRIES = 1
LOSSES = 3
"""Number of lost workers and nodes that do not count as retries, because the trial did not cause
them."""


def as_tried(task: Task) -> Task:
    """Return the task with the batch size of its next attempt."""
    batch = tried_batch(task.spec.batch_size, read_attempts(task.trial_dir))
    return replace(task, spec=task.spec.model_copy(update={"batch_size": batch}))


def note_failure(task: Task, failure: Failure) -> Attempt:
    """Append a failed attempt to the trial's `attempts.jsonl`, and return it."""
    attempt = Attempt(
        batch_size=as_tried(task).spec.batch_size,
        epochs=len(read_history(task.trial_dir.history)),
        reason=failure.reason,
        cause=failure.cause,
    )
    append_line(task.trial_dir.attempts, attempt.model_dump_json())
    send(task.trial_dir.attempts)
    return attempt
