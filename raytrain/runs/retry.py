"""A trial that failed is tried once more, with half the batch.

What a trial was asked, and so its fingerprint, stays the same: the halved batch stands in its
`attempts.jsonl` and in its record.
"""

from dataclasses import replace

from raytrain.runs.attempts import Attempt, append_attempt, read_attempts
from raytrain.runs.history import read_history
from raytrain.runs.record import Task

RETRIES = 1
NOT_THE_BATCH = ("node has died", "node was terminated", "preempted", "could not be written")
"""What is said of a machine that went away and of a full disk: a smaller batch would not have
saved the trial."""


def as_tried(task: Task) -> Task:
    """The task as its next attempt trains it."""
    if not any(attempt.halve for attempt in read_attempts(task.trial_dir)):
        return task
    half = max(1, task.spec.batch_size // 2)
    return replace(task, spec=task.spec.model_copy(update={"batch_size": half}))


def note_failure(task: Task, reason: str, full_text: str) -> None:
    """Write down that an attempt failed; `full_text` is all that is known of why."""
    attempt = Attempt(
        batch_size=as_tried(task).spec.batch_size,
        epochs=len(read_history(task.trial_dir.history)),
        reason=reason,
        halve=not any(words in full_text for words in NOT_THE_BATCH),
    )
    append_attempt(task.trial_dir, attempt)
