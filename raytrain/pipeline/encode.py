"""`encode`: from the predicted masks to the checked `final/submission.csv`."""

from collections.abc import Iterator

import numpy as np

from raytrain.config.job import JobSpec
from raytrain.data.decode import decode_mask
from raytrain.data.report import DataReport
from raytrain.pipeline.predict import mask_path
from raytrain.runs.files import atomic_path
from raytrain.runs.layout import RunDir
from raytrain.submission.checks import check_submission
from raytrain.submission.table import build_table, write_table


def encode(job: JobSpec, run: RunDir, report: DataReport) -> None:
    """Write the CSV in natural order of the image names.

    Raises ValueError listing every problem; then no file is left.
    """
    spec, classes = job.competition.submission, report.classes

    def masks() -> Iterator[tuple[str, np.ndarray]]:
        for id in report.ids("test"):
            path = mask_path(run, id)
            if not path.is_file():
                raise ValueError(f"{path} is missing; run `raytrain finalize` again")
            yield id, decode_mask(path)

    run.submission.unlink(missing_ok=True)
    with atomic_path(run.submission) as temporary:
        write_table(temporary, build_table(masks(), classes, spec, report.target), spec)
        problems = check_submission(temporary, spec, masks(), classes, report.target)
        if problems:
            listed = "\n  ".join(problems).replace(str(temporary), run.submission.name)
            raise ValueError(f"{run.submission}: not a valid submission\n  {listed}")
