"""Stacks: a row an image, mapped and never read whole."""

from pathlib import Path

import numpy as np
import pytest

from raytrain.config.formats import NumpyStacksSpec
from raytrain.data.samples import read_image
from tests.format_files import found_in, write_numpy_stacks


def test_stacks_are_mapped_row_by_row(tmp_path: Path) -> None:
    write_numpy_stacks(tmp_path)
    image = read_image(tmp_path, ("trainimages.npy#1",))
    np.testing.assert_array_equal(image[..., 0], np.arange(24, 48).reshape(4, 6))
    assert image.dtype == np.int64


@pytest.mark.parametrize(
    ("file", "array", "words"),
    [
        ("trainlabels.npy", np.zeros((3, 4, 6), np.uint8), "holds 3 masks, trainimages.npy 2"),
        ("trainimages.npy", np.array([{}, {}]), "pickled objects"),
        ("valimages.npy", np.zeros((4, 6)), "a stack is an array N x H x W"),
        ("valimages.npy", np.zeros((1, 3, 8, 8)), "looks like N x channels x height x width"),
    ],
)
def test_stacks_that_are_none(tmp_path: Path, file: str, array: np.ndarray, words: str) -> None:
    write_numpy_stacks(tmp_path)
    np.save(tmp_path / file, array)
    problems = found_in(tmp_path, NumpyStacksSpec()).problems
    assert any(words in problem and file in problem for problem in problems)
