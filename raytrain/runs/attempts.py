"""`attempts.jsonl`: a trial's failed attempts. The driver writes it, the worker reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from raytrain.config.base import Spec
from raytrain.runs.files import append_line, read_spec_lines
from raytrain.runs.layout import TrialDir

Cause = Literal["memory", "lost", "error"]
"""`memory`: torch or Ray's memory monitor raised its OutOfMemoryError. `lost`: the worker process
or its node went away. `error`: anything else that was raised."""


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed."""

    reason: str
    cause: Cause


class Attempt(Spec):
    """One attempt that failed."""

    batch_size: int
    """Batch size of this attempt."""
    epochs: int
    """Epochs done until then, over all attempts."""
    reason: str
    cause: Cause
    """Only after `memory` do the next attempts take half the batch."""


def append_attempt(directory: TrialDir, attempt: Attempt) -> None:
    """Add one line."""
    append_line(directory.attempts, attempt.model_dump_json())


def read_attempts(directory: TrialDir) -> list[Attempt]:
    """All failed attempts, in order."""
    return read_spec_lines(directory.attempts, Attempt, directory.remedy)


def tried_batch(asked: int, attempts: Sequence[Attempt]) -> int:
    """The batch size of the attempt after these, in a trial whose spec asks for `asked`."""
    halved = any(attempt.cause == "memory" for attempt in attempts)
    return max(1, asked // 2) if halved else asked
