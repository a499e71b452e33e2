"""`encode`: write the predicted masks to `final/submission.csv`, and check the file."""

from collections.abc import Iterator

import numpy as np

from raytrain.backend.counting import Counting
from raytrain.data.shown_classes import located
from raytrain.engine.run import Run
from raytrain.pipeline.data_text import NO_TEST
from raytrain.runs.files import atomic_path
from raytrain.runs.mirror import remove
from raytrain.submission.checks import check_submission
from raytrain.submission.table import build_table, predicted_masks, write_table


def encode(run: Run) -> None:
    """Write the ensemble's masks of the test images to the CSV, in natural order of the image
    names, or in the sample's order if there is a sample.

    Raises ValueError that lists every problem, and then leaves no file.
    """
    folder, report = run.folder, run.report
    spec, classes = located(run.job.competition), report.classes
    if not report.ids("test"):
        raise ValueError(f"{folder.path}: {NO_TEST}")
    remove(folder.submission)
    read = 0

    def masks() -> Iterator[tuple[str, np.ndarray]]:
        nonlocal read
        for each in predicted_masks(folder, report):
            yield each
            read += 1

    # Each mask is read to be written, and once more to be compared.
    shown = Counting("encode", folder, len(report.ids("test")), "mask", lambda: read // 2)
    with atomic_path(folder.submission) as temporary, shown:
        write_table(temporary, build_table(masks(), classes, spec, report.target), spec)
        problems = check_submission(temporary, spec, masks(), classes, report.target)
        if problems:
            listed = "\n  ".join(problems).replace(str(temporary), folder.submission.name)
            raise ValueError(
                f"{folder.submission}: not a valid submission; correct competition.submission, or "
                f"its sample\n  {listed}"
            )
