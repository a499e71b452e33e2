"""The groups of views that test-time augmentation tries for a configuration."""

from raytrain.config.job import JobSpec
from raytrain.config.predict import AUTO, ViewGroup
from raytrain.config.trial import TrialSpec
from raytrain.data.framing import network_size
from raytrain.data.report import DataReport
from raytrain.engine.tasks import framed, say_once
from raytrain.engine.views import drawn_groups, group_problems
from raytrain.runs.ensemble import GROUPS


def tried_groups(job: JobSpec, spec: TrialSpec, report: DataReport) -> tuple[ViewGroup, ...]:
    """Return the groups of views in `predict.tta`. `auto` adds those that the training's
    augmentation can produce and windows of this size allow. In `spec`, `framing: auto` is already
    replaced.

    Nothing is tried with one fold, or with fewer groups of images than are needed to keep views.
    """
    if job.folds is None:
        return ()
    groups: list[ViewGroup] = _listed(job)
    if AUTO in job.predict.tta:
        size = network_size(spec.framing, report.largest)
        drawn = drawn_groups(spec.augmentation)
        groups += [group for group in drawn if not group_problems((group,), *size)]
    count = report.labeled["group"].nunique()
    if groups and count < GROUPS:
        say_once(
            f"predict.tta: no views are tried, because they are kept only if at least {GROUPS} "
            f"groups score differently, and the labeled images form {count}"
        )
        return ()
    return tuple(dict.fromkeys(groups))


def tta_problems(job: JobSpec, specs: list[TrialSpec], report: DataReport) -> list[str]:
    """Return a problem for each listed group of views that cannot be used with the windows of these
    configurations."""
    sizes = {network_size(framed(spec, report).framing, report.largest) for spec in specs}
    return [
        f"predict.tta: {problem}; leave this group out"
        for size in sorted(sizes)
        for problem in group_problems(tuple(_listed(job)), *size)
    ]


def _listed(job: JobSpec) -> list[ViewGroup]:
    return [group for group in job.predict.tta if group != AUTO]
