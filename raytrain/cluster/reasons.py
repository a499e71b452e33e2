"""Extract the reason of a failure, in one line, from Ray's nested errors and tracebacks; hand on
the reason of an interruption to the next start."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray.train
import torch
from ray.exceptions import (
    LocalRayletDiedError,
    NodeDiedError,
    OutOfMemoryError,
    RayActorError,
    WorkerCrashedError,
)

from raytrain.runs.attempts import Cause, Failure
from raytrain.runs.files import write_bytes
from raytrain.runs.mirror import bring, send

_RAISED = re.compile(r"^(?:[\w.]+\.)?(\w+(?:Error|Exception|Exit)): (.+)$")


_MEMORY = (torch.OutOfMemoryError, OutOfMemoryError)
_LOST = (RayActorError, WorkerCrashedError, NodeDiedError, LocalRayletDiedError)
_INNER = ("cause", "__cause__", "health_check_failure", "_base_exc")
"""Attributes in which the errors of Ray Core, Tune and Train keep the original error."""

_KILLED = re.compile(
    r"killed due to the node running low on memory\. Memory on the node \(.*?\) was "
    r"(\S+) used / (\S+) limit"
)
"""The beginning of the memory monitor's long message. The last lines of the message are advice."""
_ADVICE = " Some common causes include: "
"""What Ray guesses about a worker whose process has ended, whatever the reason."""


class MemoryKillError(RayActorError):
    """Raised when Ray's memory monitor killed the process of an actor."""


class TrainingFailedError(Exception):
    """Raised when the workers of a training failed. The only argument is the `Failure`."""


def failure_of(error: BaseException) -> Failure:
    """Return the reason and the cause of an error. The cause follows from the types of the errors
    inside it."""
    found = list(_chain(error))
    for each in found:
        if isinstance(each, TrainingFailedError):
            failure: Failure = each.args[0]
            return failure
    cause: Cause = "error"
    if any(isinstance(each, (*_MEMORY, MemoryKillError)) for each in found):
        cause = "memory"
    elif any(isinstance(each, _LOST) for each in found):
        cause = "lost"
    return Failure(reason_of(error), cause)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all errors inside it."""
    yield error
    inner = [getattr(error, name, None) for name in _INNER]
    inner += getattr(error, "worker_failures", {}).values()
    for each in inner:
        if isinstance(each, BaseException) and each is not error:
            yield from _chain(each)


def reason_of(error: object) -> str:
    """Return the message of the last exception in an error's text, without the traceback. In Ray's
    errors this is the original exception.

    The message of a ValueError is a sentence for the user. Other messages include the name of their
    class. The death of a worker that Ray's memory monitor killed has a message of its own.
    """
    killed = _KILLED.search(str(error))
    if killed:
        used, limit = killed.groups()
        return (
            f"out of memory: Ray's monitor killed its worker when the node used {used} of {limit}"
        )
    lines = str(error).strip().split("\n")
    raised = [match for line in lines if (match := _RAISED.match(line.strip()))]
    if not raised:
        return lines[-1].partition(_ADVICE)[0]
    kind, text = raised[-1].groups()
    return text if kind == "ValueError" else f"{kind}: {text}"


class Interruptions(ray.train.UserCallback):
    """Writes the reason of an interruption to a file. Ray Train calls it in its controller, which
    may run on another node than the workers."""

    def __init__(self, path: Path):
        self._path = path

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        """Write the reason of the first worker that failed."""
        rank = min(worker_exceptions)
        with suppress(OSError):  # it is for a note, and must not end the training
            write_reason(self._path, f"rank {rank}: {reason_of(worker_exceptions[rank])}")


def write_reason(path: Path, reason: str) -> None:
    """Write a reason for the other processes of a worker group, in place of an earlier one."""
    write_bytes(path, reason.encode())
    send(path)


def read_reason(path: Path) -> str | None:
    """Return the reason that a process of the group wrote last, or None."""
    bring(path)
    return path.read_text("utf-8") if path.is_file() else None
