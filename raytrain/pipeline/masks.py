"""The predicted masks of a run, as written by `predict`."""

from collections.abc import Iterator

import numpy as np

from raytrain.data.decode import decode_mask
from raytrain.data.report import DataReport
from raytrain.runs.layout import RunDir


def predicted_masks(run: RunDir, report: DataReport) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and mask (H, W) of each test image. Raises ValueError for a missing one."""
    for id in report.ids("test"):
        path = run.mask(id)
        if not path.is_file():
            raise ValueError(f"{path} is missing; run `raytrain finalize` again")
        yield id, decode_mask(path)
