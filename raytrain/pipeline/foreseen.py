"""Requests of a job that its data or space cannot satisfy, found before the first training."""

from raytrain.config.job import JobSpec
from raytrain.config.losses import loss_problems
from raytrain.config.models import PixelsBase
from raytrain.config.space import sample_trials, with_values
from raytrain.config.space_check import combinations
from raytrain.config.trial import OF_STEPS, TrialSpec
from raytrain.data.report import DataReport
from raytrain.submission.sample import sample_problems

NO_TEST = (
    "there is no test image, so there is nothing to submit; say in competition.splits.test where "
    "they are, or stop at `raytrain search` and `raytrain cv`"
)


def job_problems(job: JobSpec, report: DataReport) -> list[str]:
    """Return the problems that concern every station."""
    space, classes = job.search.space, job.competition.classes
    specs = [with_values(job.trial, values) for values in combinations(space)]
    losses = dict.fromkeys(spec.loss for spec in specs)
    found = [line for loss in losses for line in loss_problems(loss, report.target, len(classes))]
    return [*dict.fromkeys(found), *sample_problems(job.competition, report)]


def ensemble_problems(job: JobSpec) -> list[str]:
    """Return a problem if there are more members than the space has configurations."""
    search = job.search
    drawn = sample_trials(search.space, job.trial, search.trials, search.seed)
    count = len({_told_apart(spec) for spec in drawn})
    if count >= job.finalize.wanted(count):
        return []
    return [
        f"finalize.members: {job.finalize.members} are asked for, and search.space and "
        f"search.trials give {count} configuration{'s' * (count > 1)}; lower it, or widen the space"
    ]


def _told_apart(spec: TrialSpec) -> str:
    """Return the fields that distinguish configurations; pixel classifiers ignore some fields."""
    of_steps = {key for key, f in TrialSpec.model_fields.items() if OF_STEPS in f.metadata}
    unused = {"epochs", *of_steps} if isinstance(spec.model, PixelsBase) else set()
    return spec.model_dump_json(exclude=unused)
