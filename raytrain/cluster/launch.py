"""Submit a raytrain command as a Ray job."""

import hashlib
import json
import os
import shlex
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from ray.job_submission import JobSubmissionClient
from tenacity import retry, retry_if_exception_message, stop_after_delay, wait_fixed

import raytrain
from raytrain.cluster.jobs import ASKED, NAME, Job, connect, jobs_of
from raytrain.config.job import JobSpec
from raytrain.config.storage import is_url
from raytrain.data.source import absolute
from raytrain.data.staging import staged
from raytrain.runs.extensions import write_job
from raytrain.runs.messages import shows_details

JOB_FILE = "job.yaml"
"""Name of the resolved job's file in the uploaded folder, and in the command's arguments."""


once_ready = retry(
    # A head node that has just started has no agent that accepts jobs yet.
    retry=retry_if_exception_message(match="(?s).*No available agent"),
    wait=wait_fixed(1),
    stop=stop_after_delay(60),
    reraise=True,
)


@dataclass(frozen=True)
class Order:
    """A raytrain command to run on a cluster, with all that it needs."""

    words: tuple[str, ...]
    """The words of the command line after `raytrain`."""
    job: JobSpec | None = None
    """The command's job, if the words name `JOB_FILE`."""
    paths: tuple[str, ...] = ()
    """Files and folders in the words, except the job's file."""

    @property
    def name(self) -> str:
        """Readable name, such as `cardiac-default-run`. Commands without a job get a name of their
        own."""
        if self.job is None:
            return f"raytrain-{self.words[0]}-{self.digest[:6]}"
        return f"{self.job.competition.name}-{self.job.run}-{self.words[0]}"

    @property
    def digest(self) -> str:
        """SHA-256 of everything that determines the command: its arguments, its job and its
        files."""
        job = self.job.model_dump(mode="json") if self.job else None
        return hashlib.sha256(json.dumps([self.words, job]).encode()).hexdigest()


def launch(order: Order, address: str, python: str) -> tuple[str, bool]:
    """Submit the command; returns the Ray job's id, and whether the job was running before.

    The package, the resolved job and the Python files in its `extend` are uploaded. If the storage
    is a URL, local data are sent there; otherwise the data's folder and the storage must be paths
    that every node sees.

    Raises ValueError if a path is relative, the cluster does not answer, or the same command
    already works on the run with another configuration.
    """
    refuse_relative(order)
    client = connect(address)
    if order.job is not None:
        order = replace(order, job=staged(order.job))
    running = [job for job in jobs_of(client) if job.name == order.name and not job.has_ended]
    if running:
        return _joined(running[0], order, address), True
    with tempfile.TemporaryDirectory(prefix="raytrain-launch-") as folder:
        package = Path(raytrain.__file__).parent
        shutil.copytree(
            package, Path(folder) / "raytrain", ignore=shutil.ignore_patterns("__pycache__")
        )
        if order.job is not None:
            write_job(order.job, Path(folder))
        try:
            return _submit(client, order, python, folder), False
        except RuntimeError as error:
            if "already exists" not in str(error):
                raise
    return launch(order, address, python)  # someone has launched the same a moment ago


def _joined(job: Job, order: Order, address: str) -> str:
    if job.asked == order.digest:
        return job.id
    words = f"{job.id} --address {address}`"
    raise ValueError(
        f"{job.id}: this job does `{order.words[0]}` for the same run with another configuration; "
        f"wait for it with `raytrain jobs wait {words}, stop it with `raytrain jobs stop {words}, "
        "or name another run with `--set run=NAME`"
    )


@once_ready
def _submit(client: JobSubmissionClient, order: Order, python: str, folder: str) -> str:
    taken = {job.id for job in jobs_of(client)}
    number = next(n for n in range(1, len(taken) + 2) if f"{order.name}-{n}" not in taken)
    details = ["--verbose"] if shows_details() else []
    return client.submit_job(
        entrypoint=shlex.join([python, "-m", "raytrain", *details, *order.words]),
        submission_id=f"{order.name}-{number}",
        runtime_env={"working_dir": folder, "env_vars": _travelling()},
        metadata={NAME: order.name, ASKED: order.digest},
    )


def refuse_relative(order: Order) -> None:
    """Raise ValueError with every path of the order that another machine cannot resolve."""
    fields: dict[str, str | None] = {}
    if (job := order.job) is not None:
        fields = {
            "storage": job.storage,
            "competition.data": job.competition.data,
            "competition.exclude": job.competition.exclude,
        }
        if is_url(job.storage):
            del fields["competition.data"]  # they are sent there
    remedy = "is relative; on a cluster give a path that every node sees, such as"
    problems = [
        f"{key}: {value!r} {remedy} --set {key}=/shared/..."
        for key, value in fields.items()
        if value is not None and absolute(value) != value
    ]
    problems += [
        f"{order.words[0]}: {path!r} {remedy} /shared/..."
        for path in order.paths
        if absolute(path) != path
    ]
    if problems:
        raise ValueError("launch:\n  " + "\n  ".join(problems))


def _travelling() -> dict[str, str]:
    """Return the environment variables to send with the job. Kaggle's credentials are not among
    them."""
    return {"PYTHONUNBUFFERED": "1", "RAY_AUTH_MODE": os.environ["RAY_AUTH_MODE"]}
