"""Settings of a job that cannot work on the chosen backend, found before a worker is requested."""

from importlib.util import find_spec

import torch

from raytrain.config.job import JobSpec, Place, most
from raytrain.config.space_draws import sample_trials
from raytrain.engine.share import missing_gpu
from raytrain.runs.record import Station


def tracking_problems(job: JobSpec, place: Place) -> list[str]:
    """Return one line per experiment tracker of the job that cannot work here."""
    asked = {"mlflow": job.tracking.mlflow, "wandb": job.tracking.wandb}
    problems = []
    for package in (name for name, spec in asked.items() if spec is not None):
        if place == "local":
            problems.append(
                f"tracking.{package}: it needs Ray, whose callback sends it the figures; add "
                f"--set tracking.{package}=null"
            )
        elif find_spec(package) is None:
            problems.append(
                f"tracking.{package}: its package is not installed; "
                f'pip install "raytrain[{package}]"'
            )
    return problems


def device_problems(job: JobSpec, place: Place) -> list[str]:
    """Return one line per setting that needs a GPU, in the default trial and in the trials of the
    search; none if a GPU is used."""
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
            f"trial.batch_norm: synced needs GPUs, but {here}: torch's SyncBatchNorm has no CPU "
            "form; choose per_worker, or a norm that is the same for any number of workers, "
            "such as {name: unet, norm: group}"
        )
    for precision, instead in (("tf32", "fp32"), ("fp16", "bf16 or fp32")):
        if any(spec.precision == precision for spec in specs):
            problems.append(
                f"trial.precision: {precision} needs GPUs, but {here}: CPUs do not support it; "
                f"choose {instead}"
            )
    return problems


def local_problems(job: JobSpec, stations: tuple[Station, ...]) -> list[str]:
    """Return a problem for each setting of these stations that needs Ray."""
    problems = []
    if "search" in stations and job.search.scheduler.name != "none":
        problems.append(
            f"search.scheduler: {job.search.scheduler.name!r} needs Ray; "
            "add --set search.scheduler.name=none"
        )
    if "search" in stations and job.search.workers > 1:
        problems.append(
            f"search.workers: {job.search.workers} workers need Ray; add --set search.workers=1"
        )
    if "final" in stations and most(job.finalize.workers) > 1:
        problems.append(
            f"finalize.workers: {most(job.finalize.workers)} workers need Ray; "
            "add --set finalize.workers=1"
        )
    return problems
