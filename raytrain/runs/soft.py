"""`soft/`: soft labels of the test images, one file for each teacher."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from raytrain.config.base import Spec
from raytrain.runs.files import DamagedError
from raytrain.runs.layout import RunDir
from raytrain.runs.mirror import bring_missing

REMEDY = "delete it and run the same command again: it makes the soft labels again"

TEMPERATURES = (0.1, 10.0)
"""Lowest and highest temperature of a calibration."""


class SoftSource(Spec):
    """The teacher that labels the test images of a training, and the share of these images."""

    teacher: str
    """Fingerprint of the teacher: its networks, their weights and views, and its calibration."""
    share: float
    """Share of the images with soft labels among the images of an epoch."""


def soft_path(run: RunDir, teacher: str) -> Path:
    """Return the path of the file with a teacher's soft labels (uint16, as in
    `data/soft_labels.py`) of all pixels of the test images, one image after another."""
    return run.soft / f"{teacher}.npy"


def read_soft(run: RunDir, teacher: str, pixels: int) -> np.ndarray:
    """Return a teacher's soft labels (uint16, flat), which are mapped from disk. Raises
    DamagedError when the file does not contain `pixels` numbers."""
    path = soft_path(run, teacher)
    bring_missing(path)
    try:
        numbers = np.load(path, mmap_mode="r")
    except ValueError as error:
        raise DamagedError(path, str(error), REMEDY) from None
    if numbers.shape != (pixels,):
        raise DamagedError(path, f"contains {numbers.size} numbers, not {pixels}", REMEDY)
    return numbers


def temperatures_text(temperatures: Sequence[float]) -> str:
    """Return the temperatures of teachers as text, and whether some are at an end of the range."""
    text = "the temperatures of the teachers are " + ", ".join(
        f"{each:.2f}" for each in temperatures
    )
    lowest, highest = TEMPERATURES
    # The search for the lowest cross-entropy ends just before the end of the range.
    at_end = [each for each in temperatures if not lowest * 1.01 < each < highest / 1.01]
    if not at_end:
        return text
    return (
        f"{text}; {len(at_end)} of {len(temperatures)} at an end of the range {lowest:g} to "
        f"{highest:g}, so these soft labels may not be calibrated"
    )
