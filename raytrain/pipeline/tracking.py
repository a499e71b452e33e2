"""Experiment trackers that a job names and that cannot work here."""

from importlib.util import find_spec

from raytrain.config.job import JobSpec, Place


def tracking_problems(job: JobSpec, place: Place) -> list[str]:
    """Return one line per such tracker."""
    asked = {"mlflow": job.tracking.mlflow, "wandb": job.tracking.wandb}
    problems = []
    for package in (name for name, spec in asked.items() if spec is not None):
        if place == "local":
            problems.append(
                f"tracking.{package}: it is told through Ray's callback; "
                f"add --set tracking.{package}=null"
            )
        elif find_spec(package) is None:
            problems.append(
                f"tracking.{package}: its package is not installed; "
                f'pip install "raytrain[{package}]"'
            )
    return problems
