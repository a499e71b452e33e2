"""Which groups of views test-time augmentation tries for a configuration."""

from raytrain.config.job import JobSpec
from raytrain.config.predict import ViewGroup
from raytrain.config.trial import TrialSpec
from raytrain.data.framing import network_size
from raytrain.data.report import DataReport
from raytrain.engine.tasks import framed
from raytrain.engine.views import drawn_groups, group_problems


def tried_groups(job: JobSpec, spec: TrialSpec, report: DataReport) -> tuple[ViewGroup, ...]:
    """Return the listed groups, or with `auto` those that training drew and that the windows can
    have. `spec` has its framing resolved; with one fold nothing is tried."""
    if job.folds is None:
        return ()
    if job.predict.tta != "auto":
        return job.predict.tta
    size = network_size(spec.framing, report.largest)
    return tuple(
        group for group in drawn_groups(spec.augmentation) if not group_problems((group,), *size)
    )


def tta_problems(job: JobSpec, specs: list[TrialSpec], report: DataReport) -> list[str]:
    """Return why windows of these configurations cannot have the listed groups of views."""
    if job.predict.tta == "auto":
        return []
    sizes = {network_size(framed(spec, report).framing, report.largest) for spec in specs}
    return [
        f"predict.tta: {problem}"
        for size in sorted(sizes)
        for problem in group_problems(job.predict.tta, *size)
    ]
