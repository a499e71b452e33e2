"""Data sets in memory, for tests that need no files."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from raytrain.config.formats import PairedFoldersSpec
from raytrain.data.cache import Cache
from raytrain.data.report import DataReport


def cache_of(images: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> Cache:
    """Images HWC and masks HW of any sizes, called s0, s1, ..."""
    height, width = (np.array([image.shape[axis] for image in images]) for axis in (0, 1))
    pixels, labels = (
        np.concatenate([plane.ravel() for plane in planes]) for planes in (images, masks)
    )
    for array in (pixels, labels):
        array.flags.writeable = False
    return Cache(
        pixels=pixels,
        labels=labels,
        start=np.concatenate([[0], np.cumsum(height * width)]),
        height=height,
        width=width,
        channels=images[0].shape[2],
        target="single_label",
        ids=pa.chunked_array([[f"s{row}" for row in range(len(images))]]),
    )


def report_of(rows: list[dict], classes: tuple[str, ...], fingerprint: str = "data") -> DataReport:
    """A report whose sample table has these rows; what they leave out is made up."""
    default = {
        "ignored": 0,
        "split": "train", "group": "0", "image": "x.png", "mask": "x_mask.png", "height": 1,
        "width": 6, "mean_0": 0.0, "square_0": 0.0,
        **{f"pixels_{number}": 0 for number in range(len(classes))},
    }  # fmt: skip
    return DataReport(
        fingerprint=fingerprint, source="/none", format=PairedFoldersSpec(), channels=1,
        dtype="uint8", classes=classes, target="single_label", sizes={"6x1": len(rows)},
        splits={}, duplicates=(), near_duplicates=(), disagreements=(), shift_auc=None,
        samples=pd.DataFrame([default | row for row in rows]),
    )  # fmt: skip
