"""`encode`: write the predicted masks to the checked `final/submission.csv`."""

from raytrain.config.job import JobSpec
from raytrain.data.report import DataReport
from raytrain.pipeline.foreseen import NO_TEST
from raytrain.pipeline.masks import predicted_masks
from raytrain.runs.files import atomic_path
from raytrain.runs.layout import RunDir
from raytrain.submission.checks import check_submission
from raytrain.submission.sample import located
from raytrain.submission.table import build_table, write_table


def encode(job: JobSpec, run: RunDir, report: DataReport) -> None:
    """Write the CSV in natural order of the image names.

    Raises ValueError that lists every problem; no file is left in that case.
    """
    spec, classes = located(job.competition), report.classes
    if not report.ids("test"):
        raise ValueError(f"{run.path}: {NO_TEST}")
    run.submission.unlink(missing_ok=True)
    with atomic_path(run.submission) as temporary:
        rows = build_table(predicted_masks(run, report), classes, spec, report.target)
        write_table(temporary, rows, spec)
        masks = predicted_masks(run, report)
        problems = check_submission(temporary, spec, masks, classes, report.target)
        if problems:
            listed = "\n  ".join(problems).replace(str(temporary), run.submission.name)
            raise ValueError(f"{run.submission}: not a valid submission\n  {listed}")
