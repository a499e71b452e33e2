"""Extract the reason of a failure, in one line, from Ray's nested errors and tracebacks."""

import re
from collections.abc import Iterator

import torch
from ray.exceptions import (
    LocalRayletDiedError,
    NodeDiedError,
    OutOfMemoryError,
    RayActorError,
    WorkerCrashedError,
)

from raytrain.runs.attempts import Cause, Failure

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
        return lines[-1]
    kind, text = raised[-1].groups()
    return text if kind == "ValueError" else f"{kind}: {text}"
