"""`encode`: write the predicted masks to the checked `final/submission.csv`."""

from raytrain.engine.run import Run
from raytrain.pipeline.data_text import NO_TEST
from raytrain.runs.files import atomic_path
from raytrain.submission.checks import check_submission
from raytrain.submission.sample import located
from raytrain.submission.table import build_table, predicted_masks, write_table


def encode(run: Run) -> None:
    """Write the CSV in natural order of the image names.

    Raises ValueError that lists every problem; no file is left in that case.
    """
    folder, report = run.folder, run.report
    spec, classes = located(run.job.competition), report.classes
    if not report.ids("test"):
        raise ValueError(f"{folder.path}: {NO_TEST}")
    folder.submission.unlink(missing_ok=True)
    with atomic_path(folder.submission) as temporary:
        rows = build_table(predicted_masks(folder, report), classes, spec, report.target)
        write_table(temporary, rows, spec)
        masks = predicted_masks(folder, report)
        problems = check_submission(temporary, spec, masks, classes, report.target)
        if problems:
            listed = "\n  ".join(problems).replace(str(temporary), folder.submission.name)
            raise ValueError(f"{folder.submission}: not a valid submission\n  {listed}")
