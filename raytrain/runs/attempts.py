"""`attempts.jsonl`: a trial's failed attempts. The driver writes it, the worker reads it."""

from raytrain.config.base import Spec
from raytrain.runs.files import append_line, read_lines
from raytrain.runs.layout import TrialDir


class Attempt(Spec):
    """One attempt that failed."""

    batch_size: int
    """That it was made with."""
    epochs: int
    """Done until then, over all attempts."""
    reason: str
    halve: bool
    """Whether the attempts after it take half the batch."""


def append_attempt(directory: TrialDir, attempt: Attempt) -> None:
    """Add one line."""
    append_line(directory.attempts, attempt.model_dump_json())


def read_attempts(directory: TrialDir) -> list[Attempt]:
    """All failed attempts, in order."""
    return [Attempt.model_validate_json(line) for line in read_lines(directory.attempts)]
