"""The lock of a run's folder. While it is held, changed files of the folder are sent to the
storage, if the run has one."""

import _thread
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from raytrain.config.codes import CodedError
from raytrain.config.job import JobSpec
from raytrain.runs.layout import RunDir, run_dir
from raytrain.runs.lease import RENEW_S, Lease
from raytrain.runs.messages import say, warn
from raytrain.runs.mirror import fetch, send
from raytrain.runs.repeated import repeated
from raytrain.runs.store import StoredPath, stored_path

BEAT_S = 5.0
"""Seconds after which the storage has what the driver has written."""
AT_THE_END = ("trials", "tensorboard", "tracking")
"""Folders that are not looked through at every beat. Trials are sent when they change."""


@contextmanager
def locked(run: RunDir) -> Iterator[None]:
    """Lock a run against other raytrain processes during the block.

    Raises ValueError when another process works on the run.
    """
    run.path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run.path / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise CodedError(
            "locked",
            f"{run.path}: another raytrain process is working on this run; wait for it or stop it",
        ) from None
    try:
        place = stored_path(run.path)
        if place is None:
            yield
        else:
            with _followed(run, place, Lease(run, place)):
                yield
    finally:
        lock.release()


def visited(job: JobSpec) -> RunDir:
    """Return the run directory of a job, after fetching the run's files from the storage. The run
    is not locked."""
    run = run_dir(job)
    fetch(run.path)
    return run


@contextmanager
def _followed(run: RunDir, place: StoredPath, lease: Lease) -> Iterator[None]:
    """Fetch the run, send what the block writes, and release the lease. If the storage is away, the
    lease runs out by itself."""
    away = False
    try:
        fetch(run.path)
        with (
            repeated(lambda: _renew(lease), RENEW_S, "lease"),
            repeated(lambda: _send_new(run), BEAT_S, "storage"),
        ):
            yield
    except OSError:
        away = True
        raise
    finally:
        if not away:
            send(run.path)
            lease.release()
            say(f"saved in the storage: {place.url}")


def _renew(lease: Lease) -> None:
    try:
        lease.renew()
    except OSError as error:
        warn(f"the lease of the run could not be renewed, and is tried again: {error}")
    except CodedError as error:
        warn(str(error))
        _thread.interrupt_main()


def _send_new(run: RunDir) -> None:
    try:
        send(*(path for path in run.path.iterdir() if path.name not in AT_THE_END))
    except OSError as error:
        warn(f"files could not be sent to the storage, and are tried again: {error}")
