"""A search whose workers have room for two images in validation: `small_memory.py JOB ADDRESS`."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ray

from raytrain.cluster.backend import RayBackend
from raytrain.config.load import load_job
from raytrain.pipeline.check import check
from raytrain.pipeline.search import search
from raytrain.runs.layout import run_dir


def _small_memory() -> None:
    import torch

    whole = torch.nn.Conv2d.forward

    def forward(self: torch.nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
        # In training a step that runs out of memory is taken in parts.
        if not self.training and len(x) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return whole(self, x)

    torch.nn.Conv2d.forward = forward  # type: ignore[method-assign]


def main(path: str, address: str) -> None:
    """Every worker process starts by having little memory."""
    job = load_job(Path(path))
    run = run_dir(job)
    report = check(job, run)
    hook = {"worker_process_setup_hook": _small_memory}
    ray.init(address=address, log_to_driver=False, runtime_env=hook)
    workplace: Any = SimpleNamespace(backend=RayBackend(job.resources))
    search(job, run, report, workplace)


if __name__ == "__main__":
    main(*sys.argv[1:])
