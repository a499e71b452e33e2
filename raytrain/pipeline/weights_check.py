"""Check the weights files that a job names against its networks, before anything is trained."""

from raytrain.config.job import JobSpec
from raytrain.config.models import PretrainedSpec
from raytrain.config.space import Given, covering, resolve, with_values
from raytrain.config.target import outputs
from raytrain.data.report import DataReport


def weights_problems(job: JobSpec, report: DataReport) -> list[str]:
    """Return the problems of the weights files that the trial or its space names. Networks are
    built without memory, and only if a file is named."""
    models = {job.trial.model: None}
    for point in covering(job.search.space):
        try:
            spec = with_values(job.trial, resolve(job.search.space, Given(point)))
        except ValueError:
            continue  # these values are incompatible; the space has its own check
        models[spec.model] = None
    named = [
        model
        for model in models
        if isinstance(model, PretrainedSpec) and model.weights not in (None, "imagenet")
    ]
    if not named:
        return []
    from raytrain.models import without_memory
    from raytrain.models.weights import file_note

    problems = []
    for model in named:
        maps = outputs(len(report.classes), report.target)
        try:
            note = file_note(model, without_memory(model, report.channels, maps))
            if note is not None:
                print(f"trial.{note}", flush=True)
        except ValueError as error:
            problems.append(f"trial.{error}")
    return problems
