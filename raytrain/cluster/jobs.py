"""raytrain's Ray jobs: list them, follow their logs, wait for them, stop them."""

import asyncio
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from aiohttp import ClientError
from ray.dashboard.modules.job.pydantic_models import JobDetails
from ray.job_submission import JobStatus, JobSubmissionClient
from requests import RequestException

from raytrain.cluster.connect import match_authentication
from raytrain.config.errors import unknown_name
from raytrain.runs.messages import warn

NAME, ASKED = "raytrain", "raytrain_asked"
"""Keys of a Ray job's metadata: its readable name, and the SHA-256 of its command with job and
files (`Order.digest`)."""
POLL_S = 1.0
LOST_S = 600.0
"""Number of seconds without a connection after which a job is no longer followed."""


@dataclass(frozen=True)
class Job:
    """A raytrain command that runs, or ran, as a Ray job."""

    id: str
    name: str
    asked: str
    status: JobStatus
    exit_code: int | None
    """Exit code of the command; None while the job runs, or if Ray ended it."""
    started: datetime | None
    ended: datetime | None
    message: str
    """Ray's message about the state of the job."""

    @property
    def has_ended(self) -> bool:
        return self.status.is_terminal()

    @property
    def code(self) -> int:
        """The exit code of the command; 1 if Ray ended the command."""
        return 1 if self.exit_code is None else self.exit_code


def connect(address: str) -> JobSubmissionClient:
    """Return a client for the cluster behind a dashboard address. Raises ValueError when nothing
    answers there."""
    try:
        match_authentication(address)
        # Ray prefers this variable, and RAY_ADDRESS, to the argument.
        os.environ["RAY_API_SERVER_ADDRESS"] = address
        return JobSubmissionClient(address)
    except OSError as error:
        raise ValueError(
            f"{address}: no Ray dashboard answers there ({error}); give the head node's, such as "
            "http://HOST:8265"
        ) from None


def jobs_of(client: JobSubmissionClient) -> list[Job]:
    """Return all jobs that were submitted to the cluster, the newest last. Jobs of other programs
    have no name."""
    found = [_job(info) for info in client.list_jobs() if info.submission_id]
    return sorted(found, key=lambda job: job.started or datetime.max.replace(tzinfo=UTC))


def job_of(client: JobSubmissionClient, id: str) -> Job:
    """Return a job. Raises ValueError when the cluster has no job of this id."""
    try:
        return _job(client.get_job_info(id))
    except RuntimeError:
        known = [job.id for job in jobs_of(client)]
        if id in known:
            raise
        text = unknown_name(id, known) if known else "the cluster has no jobs"
        raise ValueError(f"{id}: {text}") from None


def log_of(client: JobSubmissionClient, id: str) -> str:
    """Return a job's log so far. Raises ValueError when the cluster has no such job."""
    job_of(client, id)
    return client.get_job_logs(id)


def follow(client: JobSubmissionClient, id: str, log: TextIO | None) -> Job:
    """Wait until a job has ended, and write its log from the beginning. A lost connection is opened
    again.

    Raises ValueError when the cluster has no such job, or does not answer for `LOST_S`.
    """
    job_of(client, id)
    rest, lost_since = _Rest(log), None
    while True:
        try:
            asyncio.run(rest.follow(client, id))
            job = job_of(client, id)
        except (OSError, RuntimeError, ClientError, RequestException) as error:
            lost_since = lost_since or _lost(error)
            if time.monotonic() - lost_since > LOST_S:
                raise ValueError(
                    f"{id}: the cluster has not answered for {LOST_S / 60:g} minutes ({error}); "
                    "the job goes on if its cluster does"
                ) from None
        else:
            lost_since = None
            if job.has_ended:
                return job
        time.sleep(POLL_S)


def stop(client: JobSubmissionClient, id: str) -> Job:
    """Stop a job and wait until it has ended. Raises ValueError in the same cases as `follow`."""
    job_of(client, id)
    client.stop_job(id)
    return follow(client, id, None)


class _Rest:
    """Writes only the new part of a log, although each connection sends the log from its
    beginning."""

    def __init__(self, log: TextIO | None):
        self._log = log
        self._written = 0

    async def follow(self, client: JobSubmissionClient, id: str) -> None:
        if self._log is None:
            return
        position = 0
        async for text in client.tail_job_logs(id):
            new = text[max(0, self._written - position) :]
            position += len(text)
            self._log.write(new)
            self._log.flush()
            self._written = max(self._written, position)


def _lost(error: Exception) -> float:
    warn(f"lost the connection ({type(error).__name__}); the job goes on; trying again")
    return time.monotonic()


def _job(info: JobDetails) -> Job:
    data = info.metadata or {}
    return Job(
        id=info.submission_id,
        name=data.get(NAME, ""),
        asked=data.get(ASKED, ""),
        status=JobStatus(info.status),
        exit_code=info.driver_exit_code,
        started=_moment(info.start_time),
        ended=_moment(info.end_time),
        message=info.message or "",
    )


def _moment(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
