"""A search whose workers have room for batches of two images: `small_memory.py JOB ADDRESS WAY`.

With more images a worker raises torch's error (`raises`), or takes memory until Ray's monitor kills
it (`takes`).
"""

import os
import subprocess
import sys
from pathlib import Path

from raytrain.cluster.connect import set_defaults
from raytrain.config.load import load_job
from raytrain.data.epoch_plan import BatchPlan
from raytrain.engine.run import Run
from raytrain.pipeline.check import check
from raytrain.pipeline.search import search
from raytrain.runs.layout import run_dir
from raytrain.runs.record import read_records

SEARCH = {"trials": 3, "space": {"batch_size": {"grid": [2, 4, 8]}}}
ROOM = 2
CHUNK, MOST = 64 * 2**20, 9 * 2**30
"""Bytes that are taken at once, and in all if nobody stops it."""


def _small_memory() -> None:
    import torch
    from torch.utils.data._utils.fetch import _MapDatasetFetcher

    whole = _MapDatasetFetcher.fetch

    def fetch(self: _MapDatasetFetcher, index: BatchPlan) -> object:
        # A step or an evaluation that runs out of memory is taken in parts.
        if len(index.windows) > ROOM:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return whole(self, index)

    _MapDatasetFetcher.fetch = fetch


def _hungry() -> None:
    import threading

    import numpy as np
    from torch.utils.data._utils.fetch import _MapDatasetFetcher

    whole = _MapDatasetFetcher.fetch
    taken: list[np.ndarray] = []

    def fetch(self: _MapDatasetFetcher, index: BatchPlan) -> object:
        while len(index.windows) > ROOM:
            assert len(taken) < MOST // CHUNK, "the monitor did not see it"
            taken.append(np.ones(CHUNK, np.uint8))
            # Slowly, so that the monitor comes in time.
            threading.Event().wait(0.05)
        return whole(self, index)

    _MapDatasetFetcher.fetch = fetch


WAYS = {"raises": _small_memory, "takes": _hungry}


def reasons_after(job: Path, env: dict[str, str], way: str) -> set[str]:
    """Run it on `SEARCH`: the batch of four fits once halved, that of eight does not; why the
    attempts failed."""
    script = [sys.executable, "-m", "tests.ray.small_memory", str(job), env["RAY_ADDRESS"], way]
    done = subprocess.run(
        script, env=os.environ | env, text=True, capture_output=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    records = read_records(run_dir(load_job(job)))
    found = {record.spec.batch_size: record for record in records}
    assert {batch: record.status for batch, record in found.items()} == {
        2: "finished", 4: "finished", 8: "failed",
    }  # fmt: skip
    tried = {batch: [a.batch_size for a in record.attempts] for batch, record in found.items()}
    assert tried == {2: [], 4: [4], 8: [8, 4]}
    reasons = {attempt.reason for record in records for attempt in record.attempts}
    assert found[8].reason in reasons
    return reasons


def main(path: str, address: str, way: str) -> None:
    """Every worker process starts by having little memory."""
    set_defaults()
    import ray

    from raytrain.cluster.backend import RayBackend
    from raytrain.cluster.resources import Need

    job = load_job(Path(path))
    run = run_dir(job)
    report = check(job, run)
    hook = {"worker_process_setup_hook": WAYS[way]}
    ray.init(address=address, log_to_driver=False, runtime_env=hook)
    need = Need(**job.resources.model_dump())
    search(Run(job, run, report, lambda: RayBackend(need, run)))


if __name__ == "__main__":
    main(*sys.argv[1:])
