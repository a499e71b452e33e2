"""The starts and the failed attempts of a trial.

`attempts.jsonl` is written by the driver and read by the worker. `starts.jsonl` is written by rank
0 and has one line per start of the training, so it has several lines if the training resumed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from raytrain.config.base import Spec
from raytrain.runs.files import append_line, read_spec_lines
from raytrain.runs.layout import TrialDir

Cause = Literal["memory", "lost", "error"]
"""Why an attempt failed. `memory`: torch or Ray's memory monitor raised an OutOfMemoryError.
`lost`: the worker process or its node disappeared. `error`: any other exception."""


@dataclass(frozen=True)
class Failure:
    """Why an attempt of a trial failed."""

    reason: str
    cause: Cause


class Attempt(Spec):
    """One failed attempt of a trial."""

    batch_size: int
    """Batch size of this attempt."""
    epochs: int
    """Epochs done before the failure, over all attempts."""
    reason: str
    cause: Cause
    """Why the attempt failed. Only after `memory` do later attempts use half the batch."""


def read_attempts(directory: TrialDir) -> list[Attempt]:
    """Return all failed attempts of a trial, in order."""
    return read_spec_lines(directory.attempts, Attempt, directory.remedy)


def tried_batch(asked: int, attempts: Sequence[Attempt]) -> int:
    """Return the batch size of the next attempt after these, for a trial with batch size
    `asked`."""
    halved = any(attempt.cause == "memory" for attempt in attempts)
    return max(1, asked // 2) if halved else asked


class Start(Spec):
    """One start of a trial's training, from the beginning or from a checkpoint."""

    epochs: int
    """Epochs done before this start, according to the checkpoint from which training resumes."""
    nodes: tuple[str, ...]
    """The node of each rank."""


def append_start(directory: TrialDir, start: Start) -> None:
    """Append one start to the trial's `starts.jsonl`."""
    append_line(directory.starts, start.model_dump_json())


def read_starts(directory: TrialDir) -> list[Start]:
    """Return all starts of a trial's training, in order."""
    return read_spec_lines(directory.starts, Start, directory.remedy)
