"""Settings of the job's trials that need a GPU, found before a worker is requested."""

import torch

from raytrain.config.job import JobSpec, Place
from raytrain.config.space import sample_trials
from raytrain.engine.share import missing_gpu


def device_problems(job: JobSpec, place: Place) -> list[str]:
    """Return one line per such setting of the default trial or any trial of the search; none if a
    GPU is used."""
    gpu = torch.cuda.is_available() if place == "local" else job.resources.gpus > 0
    if gpu:
        return []
    drawn = sample_trials(job.search.space, job.trial, job.search.trials, job.search.seed)
    specs = [job.trial, *drawn]
    here = "this machine has none" if place == "local" else "resources.gpus is 0"
    missing = missing_gpu(job.resources.gpus) if place == "local" else None
    problems = [missing] if missing else []
    if any(spec.batch_norm == "synced" for spec in specs):
        problems.append(
            f"trial.batch_norm: synced needs GPUs, and {here}: torch's SyncBatchNorm has no CPU "
            "form; choose per_worker, or a norm that is the same for any number of workers, "
            "such as {name: unet, norm: group}"
        )
    for precision, instead in (("tf32", "fp32"), ("fp16", "bf16 or fp32")):
        if any(spec.precision == precision for spec in specs):
            problems.append(
                f"trial.precision: {precision} needs GPUs, and {here}: CPUs do not compute in it; "
                f"choose {instead}"
            )
    return problems
