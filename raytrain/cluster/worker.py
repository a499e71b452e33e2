"""Training code in a Ray worker process. Decoded data stays open from one trial to the next."""

import gc
import os
import platform
from functools import lru_cache
from pathlib import Path

import ray

from raytrain.cluster.metrics_export import exported
from raytrain.data.loading import STALL_S, STALL_VARIABLE
from raytrain.engine.guard import guarded
from raytrain.engine.parallel import current_world
from raytrain.engine.reporter import Reporter
from raytrain.engine.share import gpu_share
from raytrain.engine.trial import Samples, open_samples, run_trial
from raytrain.engine.watchdog import Watchdog
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import print_messages
from raytrain.runs.mirror import fetch, fetch_files, free
from raytrain.runs.record import Task
from raytrain.runs.retry import as_tried


def work(task: Task, reporter: Reporter, gpus: float, interruption: str | None = None) -> None:
    """Run one trial in this process with `gpus` GPUs. Its figures are exported as Ray metrics, and
    its steps are watched for hangs. `interruption` is why the workers' last start ended."""
    print_messages()
    fetch_inputs(task.run)
    fetch(task.directory)  # it may have begun on another machine
    floor_s = float(os.environ.get(STALL_VARIABLE, STALL_S))
    node = f"{platform.node()} (Ray node {ray.get_runtime_context().get_node_id()[:8]})"
    world = current_world()
    with (
        guarded(floor_s, task.directory, node, world.rank, world.size),
        gpu_share(gpus),
        exported(task, world.rank, reporter) as told,
        Watchdog(node, floor_s, interruption) as watch,
    ):
        # The collections between trials skip all objects that exist now, above all those of the
        # imported modules: a collection takes .02 instead of .4 s. `gpu_share` has just collected
        # the last trial's garbage, which would otherwise be skipped forever.
        gc.freeze()
        samples = _samples(task.run)
        told.foreground = samples.report.classes[1:]
        try:
            run_trial(as_tried(task), samples, told, watch)
        finally:
            if world.rank == 0:
                free(task.trial_dir.checkpoints)


@lru_cache(maxsize=1)
def fetch_inputs(run: Path) -> None:
    """Fetch what trainings and predictions read of a run: its data report, and users' files."""
    fetch_files(run)
    fetch(RunDir(run).extend)


@lru_cache(maxsize=1)
def _samples(run: Path) -> Samples:
    return open_samples(RunDir(run))
