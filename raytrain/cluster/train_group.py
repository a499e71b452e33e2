"""Data-parallel trials: one Ray Train worker group trains several of them, one after another.

A worker group takes half a minute to start, but another trial in it takes no extra time. So tasks
with the same number of workers share as many groups as the cluster can run at once.
"""

import os
import secrets
import tempfile
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import ray
import ray.train
from ray.exceptions import RayActorError
from ray.train.torch import TorchConfig, TorchTrainer
from ray.tune.integration.ray_train import TuneReportCallback
from torch import distributed

from raytrain.cluster.reasons import (
    Interruptions,
    TrainingFailedError,
    failure_of,
    read_reason,
    reason_of,
    write_reason,
)
from raytrain.cluster.resources import Need, bundle, slots
from raytrain.cluster.worker import work
from raytrain.runs.attempts import Failure
from raytrain.runs.files import write_json
from raytrain.runs.history import Row
from raytrain.runs.mirror import bring, fetch
from raytrain.runs.record import Status, Task
from raytrain.runs.store import arrow_files

REFITS = 3
"""Number of times that a worker group is started again after its controller died."""
PREEMPTED = "preempted"
INTERRUPTION = "interruption.txt"
START_VARIABLE = "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"
START_S, ELASTIC_START_S = 3600, 60
"""Number of seconds to wait for the places of a group, which exist. A group that may be smaller
waits for the shorter time, and then checks again how many places there are."""
CONTROLLER_FAILURES, ELASTIC_CONTROLLER_FAILURES = 3, 60
"""Number of failures of the controller that are allowed. A start that must be retried counts as a
failure."""
RESIZE_VARIABLE = "RAYTRAIN_RESIZE_S"
"""Environment variable: seconds after which a group that may grow looks for more places."""
RESIZE_S = 60.0


class Preempted(Exception):  # noqa: N818  # not an error: the group goes elsewhere
    """Raised when a node of the group is about to leave. Everything up to this epoch is saved."""


class TrainReporter:
    """Passes each epoch's figures and the path of raytrain's checkpoint to Ray Train, and ends the
    group's training before a node leaves."""

    def __init__(self, task: Task):
        self._task = task

    def report(self, row: Row) -> None:
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = None
            if ray.train.get_context().get_world_rank() == 0:
                write_json(Path(folder) / "pointer.json", str(self._task.trial_dir.checkpoints))
                checkpoint = ray.train.Checkpoint.from_directory(folder)
            ray.train.report({"trial": self._task.name, **row}, checkpoint=checkpoint)
        # Every rank gets the same answer.
        if ray.train.get_preemption_info() is not None:
            raise Preempted


def train_groups(
    tasks: list[Task], need: Need, on_end: Callable[[Task, Status, str | None], None]
) -> None:
    """Train all tasks on Ray Train. Each task has more than one worker."""
    for (workers, _), same in groupby(sorted(tasks, key=_workers), _workers):
        chosen = list(same)
        count = min(max(1, slots(need) // workers), len(chosen))
        shares = [chosen[number::count] for number in range(count)]
        for group, error in zip(shares, _fit_at_once(shares, need), strict=True):
            for task in group:
                fetch(task.directory)
                if task.trial_dir.shipped.is_file():
                    on_end(task, "finished", None)
                else:
                    on_end(task, "failed", error.reason if error else "its workers ended early")


def train_inside_tune(task: Task, need: Need) -> None:
    """Train one task with its workers from within a Ray Tune trial, and report each epoch to Tune.

    Raises TrainingFailedError. The group ends with the trial's process, which is how Tune stops it.
    """
    failure = _fit([task], need, [TuneReportCallback()])
    if failure is not None:
        raise TrainingFailedError(failure)


def _fit_at_once(shares: list[list[Task]], need: Need) -> list[Failure | None]:
    """Run a worker group for each share of the tasks, each from its own Ray task; returns their
    errors in order, None for a group that succeeded.

    The groups are not run from this process, because waiting here for a training could not be
    interrupted cleanly.
    """
    remote = ray.remote(num_cpus=0, max_retries=3)(_fit)
    names = [" + ".join(task.name for task in group) for group in shares]
    running = [
        remote.options(name=name, label_selector=need.selector).remote(group, need, [])
        for name, group in zip(names, shares, strict=True)
    ]
    errors: list[Failure | None] = []
    for reference in running:
        try:
            errors.append(ray.get(reference))
        except ray.exceptions.RayError as error:
            errors.append(failure_of(error))
    return errors


def _fit(tasks: list[Task], need: Need, callbacks: list[ray.train.UserCallback]) -> Failure | None:
    """Train the tasks in one worker group, one after another; returns why the group failed, or
    None.

    When a node is about to leave, the group ends after the epoch and is started again elsewhere.
    The same happens, a limited number of times, when Ray Train's controller dies.
    """
    deaths = 0
    path = _place(tasks)
    refusal = path / "refusal.txt"
    trainer = _trainer(tasks, need, path, refusal, callbacks)
    while True:
        try:
            if trainer.fit().return_value != PREEMPTED:
                refused = read_reason(refusal)
                return None if refused is None else Failure(refused, "error")
            write_reason(path / INTERRUPTION, "a node was about to leave")
        except ray.train.TrainingFailedError as error:
            failures = getattr(error, "worker_failures", None) or {0: error}
            return Failure(reason_of(failures[min(failures)]), failure_of(error).cause)
        except RayActorError as error:
            deaths += 1
            if deaths > REFITS:
                reason = f"Ray Train's controller died {deaths} times: {reason_of(error)}"
                return Failure(reason, failure_of(error).cause)
            write_reason(path / INTERRUPTION, f"Ray Train's controller: {reason_of(error)}")


def _place(tasks: list[Task]) -> Path:
    """Return the folder for the files that Ray Train writes for these tasks."""
    storage = tasks[0].directory.parent.parent / "ray"
    # A folder's name has at most 255 characters.
    names = "+".join(task.name for task in tasks)[:100]
    # Ray Train would consider a run of the same name finished; ours resumes by itself.
    return storage / f"{names}-{secrets.token_hex(4)}"


def _trainer(
    tasks: list[Task],
    need: Need,
    path: Path,
    refusal: Path,
    callbacks: list[ray.train.UserCallback],
) -> TorchTrainer:
    most, least = _workers(tasks[0])
    # Ray Train reads these from this process's environment.
    ours = [str(START_S), str(ELASTIC_START_S)]
    if os.environ.get(START_VARIABLE, ours[0]) in ours:
        os.environ[START_VARIABLE] = ours[0] if least == most else ours[1]
    failures = CONTROLLER_FAILURES if least == most else ELASTIC_CONTROLLER_FAILURES
    files, where = arrow_files(path.parent)
    return TorchTrainer(
        _train_all,
        train_loop_config={
            "tasks": tasks,
            "gpus": need.gpus,
            "refusal": refusal,
            "interruption": path / INTERRUPTION,
        },
        torch_config=TorchConfig(timeout_s=600),
        scaling_config=ray.train.ScalingConfig(
            num_workers=most if least == most else (least, most),
            elastic_resize_monitor_interval_s=float(os.environ.get(RESIZE_VARIABLE, RESIZE_S)),
            use_gpu=need.gpus > 0,
            resources_per_worker=bundle(need),
            label_selector=need.selector or None,
        ),
        run_config=ray.train.RunConfig(
            name=path.name,
            storage_path=where,
            storage_filesystem=files,
            checkpoint_config=ray.train.CheckpointConfig(num_to_keep=1),
            failure_config=ray.train.FailureConfig(
                max_failures=3, controller_failure_limit=failures
            ),
            callbacks=[*callbacks, Interruptions(path / INTERRUPTION)],
        ),
    )


def _train_all(config: dict[str, Any]) -> str | None:
    """Train all tasks. Return PREEMPTED if a node of the group is about to leave, else None.

    After a user's mistake, the next attempt ends at once, because the mistake would happen again.
    (Ray Train retries after every exception of a worker or its callbacks.)

    Raises ValueError for a user's mistake, and RuntimeError when Ray Train has ended the group.
    """
    refusal: Path = config["refusal"]
    interruption = read_reason(config["interruption"])
    for task in () if read_reason(refusal) is not None else config["tasks"]:
        if interruption is not None:
            bring(task.trial_dir.shipped)
        was_running = not task.trial_dir.shipped.is_file()
        try:
            work(task, TrainReporter(task), config["gpus"], interruption)
        except Preempted:
            return PREEMPTED
        except ValueError as error:
            if not distributed.is_initialized():
                # Ray Train has ended the group: torch's ValueError about that is no user's mistake.
                raise RuntimeError(str(error)) from error
            write_reason(refusal, str(error))
            raise
        if was_running:
            interruption = None  # it ended this training, and none of those that follow
    return None


def _workers(task: Task) -> tuple[int, int]:
    """Return the largest and the smallest number of workers of a task."""
    return task.workers, task.least_workers
