"""Pixels and masks that a submission changes, counted by hand on images that are not square."""

from pathlib import Path

import numpy as np
import pytest

from raytrain.config.competition import SubmissionSpec
from raytrain.submission.change import Change, change
from raytrain.submission.table import build_table, write_table

CLASSES = ("background", "a", "b")


def written(
    path: Path, mask_HW: np.ndarray, spec: SubmissionSpec, classes: tuple[str, ...]
) -> Path:
    write_table(path, build_table([("x", mask_HW)], classes, spec, "single_label"), spec)
    return path


def test_each_row_counts_its_own_pixels(tmp_path: Path) -> None:
    spec = SubmissionSpec()
    then_HW = np.array([[1, 1, 0], [2, 0, 0]], np.uint8)
    path = written(tmp_path / "sent.csv", then_HW, spec, CLASSES)
    now_HW = np.array([[1, 2, 0], [2, 0, 2]], np.uint8)
    found = change(path, [("x", now_HW)], CLASSES, "single_label", spec)
    # a loses one pixel, b gains two; both masks change.
    assert found == Change(pixels=3, foreground=4, keys=2, of=2)
    same = change(path, [("x", then_HW)], CLASSES, "single_label", spec)
    assert same == Change(pixels=0, foreground=3, keys=0, of=2)


def test_objects_of_one_image_are_compared_as_one_mask(tmp_path: Path) -> None:
    spec = SubmissionSpec.model_validate({"dialect": "airbus"})
    then_HW = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0]], np.uint8)
    path = written(tmp_path / "sent.csv", then_HW, spec, CLASSES[:2])
    now_HW = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]], np.uint8)
    found = change(path, [("x", now_HW)], CLASSES[:2], "single_label", spec)
    assert found == Change(pixels=2, foreground=3, keys=1, of=1)


def test_a_csv_of_another_dialect_is_refused(tmp_path: Path) -> None:
    mask_HW = np.ones((2, 3), np.uint8)
    path = written(tmp_path / "sent.csv", mask_HW, SubmissionSpec(), CLASSES)
    spec = SubmissionSpec.model_validate({"dialect": "airbus"})
    with pytest.raises(ValueError, match=r"has the columns \['id', 'encoding'\]"):
        change(path, [("x", mask_HW)], CLASSES, "single_label", spec)
