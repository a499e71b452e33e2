"""The lock of a run's folder."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from raytrain.config.codes import CodedError
from raytrain.runs.layout import RunDir


@contextmanager
def locked(run: RunDir) -> Iterator[None]:
    """Lock a run against other raytrain processes during the block.

    Raises ValueError when another one is at work here.
    """
    run.path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run.path / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise CodedError(
            "locked",
            f"{run.path}: another raytrain process is at work here; wait for it or stop it",
        ) from None
    try:
        yield
    finally:
        lock.release()
