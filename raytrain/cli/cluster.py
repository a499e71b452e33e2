"""Commands that run other commands as Ray jobs, and follow or stop these jobs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from typer.main import get_command

from raytrain.cli.answer import Answer, problem_of
from raytrain.cli.app import JobFile, Overrides, Profile, Terminated, app
from raytrain.config.errors import unknown_name
from raytrain.config.load import load_job

if TYPE_CHECKING:  # these import Ray
    from raytrain.cluster.jobs import Job
    from raytrain.cluster.launch import Order

PANEL = "A cluster"
YAML = (".yaml", ".yml")
RESOLVED = ("--set", "--profile")
"""Options that have no meaning for a resolved job, because it already contains their values."""
HERE_ONLY = ("launch", "jobs", "watch", "demo", "init")
"""Commands that cannot run as a Ray job. `init` would write into the Ray job's own folder, which
Ray deletes."""

Address = Annotated[
    str,
    typer.Option(
        help="The cluster's dashboard, http://HOST:8265.", envvar="RAY_API_SERVER_ADDRESS"
    ),
]
JobId = Annotated[str, typer.Argument(help="The job's id, as `raytrain jobs list` shows it.")]
LOCAL = "http://127.0.0.1:8265"

jobs = typer.Typer(no_args_is_help=True, help="List, follow and stop Ray jobs.")
app.add_typer(jobs, name="jobs", rich_help_panel=PANEL)


@app.command(
    rich_help_panel=PANEL,
    context_settings={"ignore_unknown_options": True},
)
def launch(
    command: Annotated[
        str, typer.Argument(help="The command to run on the cluster: run, search, ...")
    ],
    words: Annotated[
        list[str] | None, typer.Argument(help="The command's arguments, as without `launch`.")
    ] = None,
    address: Address = LOCAL,
    python: Annotated[str, typer.Option(help="The Python that runs it on the cluster.")] = "python",
    detach: Annotated[
        bool, typer.Option("--detach", help="Return once the job is submitted.")
    ] = False,
    kuberay: Annotated[
        Path | None,
        typer.Option(
            help="Print a RayJob of KubeRay with the RayCluster of this YAML file, and run nothing."
        ),
    ] = None,
) -> Answer:
    """Run a command as a Ray job on a cluster, follow its log, and return its exit code."""
    from raytrain.cluster.launch import launch as submit_job
    from raytrain.runs.messages import say

    asked = order(get_command(app), command, words or [])
    if kuberay is not None:
        from raytrain.cluster.kuberay import manifests, text_of

        found = manifests(asked, kuberay)
        return Answer({"manifests": found}, text_of(found).rstrip())
    id, was_running = submit_job(asked, address, python)
    say(f"job {id} {'is running already' if was_running else 'is submitted'} on {address}")
    say(f"  follow it: raytrain jobs attach {id} --address {address}")
    say(f"  stop it:   raytrain jobs stop {id} --address {address}")
    if detach:
        return Answer({"job": id, "was_running": was_running})
    return _followed(address, id, sys.stdout)


@app.command(rich_help_panel=PANEL)
def doctor(job: JobFile, set: Overrides = None, profile: Profile = None) -> Answer:
    """Check every node of the cluster: versions, GPUs, memory, disk, folders, clock, network."""
    from raytrain.cli.cluster_tables import nodes_table
    from raytrain.cluster.connect import connected

    spec = load_job(job, set, profile)
    with connected():
        from raytrain.cluster.doctor import examine, faults_of

        nodes = examine(spec)
    faults = faults_of(nodes)
    text = nodes_table(nodes)
    if not faults:
        return Answer({"nodes": nodes}, f"{text}\nno faults")
    message = "doctor:\n  " + "\n  ".join(faults)
    return Answer(
        {"nodes": nodes}, text, 1, message, tuple(problem_of("failed", f) for f in faults)
    )


@jobs.command(name="list")
def list_jobs(address: Address = LOCAL) -> Answer:
    """List raytrain's jobs on the cluster, the newest last."""
    from raytrain.cli.cluster_tables import jobs_table
    from raytrain.cluster.jobs import connect, jobs_of

    found = jobs_of(connect(address))
    ours = [job for job in found if job.name]
    facts = [_facts(job) for job in ours]
    others = len(found) - len(ours)
    return Answer({"jobs": facts, "others": others}, jobs_table(facts, others))


@jobs.command()
def logs(
    job: JobId,
    address: Address = LOCAL,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", "-f", help="Also follow the log until the job ends, like `attach`."
        ),
    ] = False,
) -> Answer:
    """Print a job's log so far."""
    from raytrain.cluster.jobs import connect, log_of

    if follow:
        return _followed(address, job, sys.stdout)
    return Answer(None, log_of(connect(address), job).rstrip("\n"))


@jobs.command()
def attach(job: JobId, address: Address = LOCAL) -> Answer:
    """Follow a job's log until the job ends, and return its exit code."""
    return _followed(address, job, sys.stdout)


@jobs.command()
def wait(job: JobId, address: Address = LOCAL) -> Answer:
    """Wait until a job ends, without printing its log, and return its exit code."""
    return _followed(address, job, None)


@jobs.command()
def stop(job: JobId, address: Address = LOCAL) -> Answer:
    """Stop a job, and wait until it has ended. Launching the same command again continues the
    run."""
    from raytrain.cluster.jobs import connect
    from raytrain.cluster.jobs import stop as end

    ended = end(connect(address), job)
    return Answer(_facts(ended), f"{job}: {ended.status.value.lower()}")


def _followed(address: str, id: str, log: TextIO | None) -> Answer:
    from raytrain.cluster.jobs import connect, follow

    try:
        job = follow(connect(address), id, log)
    except KeyboardInterrupt as error:
        words = f"{id} --address {address}`"
        text = f"{id}: the job continues; follow it with `raytrain jobs attach {words}"
        text += f", or stop it with `raytrain jobs stop {words}"
        problems = (problem_of("interrupted", text),)
        return Answer(None, "", 143 if isinstance(error, Terminated) else 130, text, problems)
    if not job.code:
        return Answer(_facts(job))
    state = job.status.value.lower()
    text = f"{id}: the job ended as {state}, exit code {job.code}; {_reason(job)}"
    return Answer(_facts(job), "", job.code, text, (problem_of("failed", text),))


def _reason(job: "Job") -> str:
    return "its log says why" if job.exit_code is not None else f"Ray says: {job.message}"


def _facts(job: "Job") -> dict[str, Any]:
    state = job.status.value.lower()
    keys = ("id", "name", "exit_code", "started", "ended", "message")
    return {"state": state, **{key: getattr(job, key) for key in keys}}


def order(group: Any, name: str, words: list[str]) -> "Order":
    """Return what a Ray job must run for the command `name` of `group` with these words, after the
    command's own parser has checked them.

    The job is resolved here and sent as a file of its own. In the words, `JOB_FILE` replaces the
    name of the job's file, and `--set` and `--profile` are left out. Raises ValueError for a
    command that cannot run as a Ray job, and for a folder in place of the job's YAML.
    """
    from raytrain.cluster.launch import JOB_FILE, Order

    known = [each for each in group.commands if each not in HERE_ONLY]
    if name not in known:
        raise ValueError(f"launch: {unknown_name(name, known)}")
    values = group.commands[name].make_context(name, [*words]).params
    paths = [path for value in values.values() for path in _paths(value)]
    file = next((path for path in paths if path.suffix in YAML), None)
    if file is None:
        if isinstance(folder := values.get("job"), Path):
            raise ValueError(
                f"{folder}: launch needs a job's YAML; write one with `raytrain init {folder}`"
            )
        return Order((name, *words), None, tuple(map(str, paths)))
    job = load_job(file, values.get("set"), values.get("profile"))
    travelling, rest = [name], iter(words)
    for word in rest:
        option, _, value = word.partition("=")
        if option in RESOLVED:
            _ = value or next(rest)
        else:
            travelling.append(JOB_FILE if Path(word) == file else word)
    return Order((*travelling,), job, tuple(str(path) for path in paths if path != file))


def _paths(value: object) -> list[Path]:
    """Return the paths in an argument's value. Image patterns are texts, and count as paths if they
    exist."""
    several = value if isinstance(value, list | tuple) else [value]
    texts = [Path(each) for each in several if isinstance(each, str) and Path(each).exists()]
    return [*texts, *(each for each in several if isinstance(each, Path))]
