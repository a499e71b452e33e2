"""Run a raytrain command as a Ray job: submit it, follow its log, return its exit code."""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path
from typing import TextIO

from ray.job_submission import JobSubmissionClient
from tenacity import retry, retry_if_exception_message, stop_after_delay, wait_fixed

import raytrain
from raytrain.cluster.connect import match_authentication
from raytrain.config.errors import unknown_name
from raytrain.config.job import JobSpec
from raytrain.data.source import absolute
from raytrain.runs.extensions import write_job
from raytrain.runs.messages import say, shows_details

COMMANDS = ("check", "train", "search", "cv", "finalize", "submit", "run")


def launch(command: str, job: JobSpec, address: str, python: str, log: TextIO) -> int:
    """Run `raytrain <command>` for this job on the cluster behind a dashboard address.

    The package, the resolved configuration and the files that it extends by are uploaded. The data
    is not: its folder and the storage must be paths that every node sees. The job's output is
    written to `log`; an interrupt only stops following it. Returns the job's exit code. Raises
    ValueError when the cluster does not answer or the job cannot run there.
    """
    if command not in COMMANDS:
        raise ValueError(f"launch: {unknown_name(command, COMMANDS)}")
    _refuse_relative(job)
    try:
        match_authentication(address)
        client = JobSubmissionClient(address)
    except OSError as error:
        raise ValueError(
            f"{address}: no Ray dashboard answers there ({error}); give the head node's, such as "
            "http://HOST:8265"
        ) from None
    with tempfile.TemporaryDirectory(prefix="raytrain-launch-") as folder:
        package = Path(raytrain.__file__).parent
        shutil.copytree(
            package, Path(folder) / "raytrain", ignore=shutil.ignore_patterns("__pycache__")
        )
        write_job(job, Path(folder))
        name = f"{job.competition.name}-{job.run}-{command}"
        details = " --verbose" if shows_details() else ""
        entrypoint = f"{python} -m raytrain{details} {command} job.yaml"
        submission = _submit(client, entrypoint, name, folder)
    say(f"job {submission} on {address}; stop it with `ray job stop {submission}`")
    asyncio.run(_follow(client, submission, log))
    info = client.get_job_info(submission)
    if info.driver_exit_code is not None:
        return info.driver_exit_code
    say(f"job {submission} ended as {info.status}: {info.message}")
    return 1


@retry(
    # A head node that has just started has no agent that accepts jobs yet.
    retry=retry_if_exception_message(match="(?s).*No available agent"),
    wait=wait_fixed(1),
    stop=stop_after_delay(60),
    reraise=True,
)
def _submit(client: JobSubmissionClient, entrypoint: str, name: str, folder: str) -> str:
    return client.submit_job(
        entrypoint=entrypoint,
        submission_id=_free_id(client, name),
        runtime_env={"working_dir": folder, "env_vars": _travelling()},
        metadata={"raytrain": name},
    )


async def _follow(client: JobSubmissionClient, submission: str, log: TextIO) -> None:
    async for text in client.tail_job_logs(submission):
        log.write(text)
        log.flush()


def _free_id(client: JobSubmissionClient, name: str) -> str:
    """Return the readable name with a number, because Ray refuses an id that it has seen."""
    taken = {info.submission_id for info in client.list_jobs()}
    number = 1
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"


def _refuse_relative(job: JobSpec) -> None:
    paths = {
        "storage": job.storage,
        "competition.data": job.competition.data,
        "competition.exclude": job.competition.exclude,
    }
    problems = [
        f"{key}: {value!r} is relative; on a cluster give a path that every node sees, "
        f"such as --set {key}=/shared/..."
        for key, value in paths.items()
        if value is not None and absolute(value) != value
    ]
    if problems:
        raise ValueError("launch:\n  " + "\n  ".join(problems))


def _travelling() -> dict[str, str]:
    """Return the settings that the job needs; Kaggle's credentials stay on the cluster."""
    return {"PYTHONUNBUFFERED": "1", "RAY_AUTH_MODE": os.environ["RAY_AUTH_MODE"]}
