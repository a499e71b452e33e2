"""Paired folders: what the values and the files of a mask mean."""

from pathlib import Path

import numpy as np
import pytest

from raytrain.config.formats import PairedFoldersSpec
from raytrain.config.splits import RangeSplitsSpec
from raytrain.data.samples import read_mask
from tests.format_files import CLASSES, MASK, mask_of, paired_in, save


def test_a_mask_in_a_file_an_object(tmp_path: Path) -> None:
    first, second = np.zeros((4, 6), np.uint8), np.zeros((4, 6), np.uint8)
    first[:2], second[1:, 3] = 255, 7
    save(tmp_path / "n1/images/n1.png")
    for number, array in enumerate((first, second)):
        save(tmp_path / f"n1/masks/{number}f.png", array)
    spec = PairedFoldersSpec(image="{name}/images/{name}.png", mask="{name}/masks/{object}.png")
    [sample] = paired_in(tmp_path, spec, RangeSplitsSpec(train="1")).samples
    assert len(sample.mask) == 2
    np.testing.assert_array_equal(mask_of(spec, tmp_path, sample), (first | second) > 0)


def test_a_mask_in_a_file_a_class(tmp_path: Path) -> None:
    save(tmp_path / "n1.png")
    for word, k in (("ring", 1), ("2", 2)):
        save(tmp_path / f"n1-{word}.tif", (k == MASK).astype(np.uint8) * 255)
    spec = PairedFoldersSpec(image="{name}.png", mask="{name}-{class}.tif")
    [sample] = paired_in(tmp_path, spec, RangeSplitsSpec(train="1")).samples
    np.testing.assert_array_equal(mask_of(spec, tmp_path, sample), MASK)
    save(tmp_path / "n1-2.tif", np.full((4, 6), 255, np.uint8))
    with pytest.raises(ValueError, match=r"n1-(2|ring)\.tif: 4 px also belong to another class"):
        mask_of(spec, tmp_path, sample)
    (tmp_path / "n1-2.tif").rename(tmp_path / "n1-rink.tif")
    [sample] = paired_in(tmp_path, spec, RangeSplitsSpec(train="1")).samples
    with pytest.raises(ValueError, match="unknown 'rink'; did you mean 'ring'"):
        mask_of(spec, tmp_path, sample)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"name": "threshold"}, [0, 0, 1, 1]),
        ({"name": "threshold", "above": 0}, [0, 1, 1, 1]),
        ({"name": "values", "classes": {0: 0, 11: 0, 128: 2, 255: 1}}, [0, 0, 2, 1]),
    ],
)
def test_what_the_values_of_a_mask_mean(tmp_path: Path, labels: dict, expected: list) -> None:
    save(tmp_path / "m.png", np.array([[0, 11, 128, 255]], np.uint8))
    spec = PairedFoldersSpec(labels=labels)
    found = read_mask(spec, tmp_path, ("m.png",), (1, 4), CLASSES, "single_label")
    assert found.tolist() == [expected]
    assert found.dtype == np.uint8


def test_a_value_without_a_class_is_named(tmp_path: Path) -> None:
    save(tmp_path / "m.png", np.array([[0, 11, 128, 255]], np.uint8))
    spec = PairedFoldersSpec(labels={"name": "values", "classes": {0: 0, 255: 1}})
    with pytest.raises(
        ValueError, match=r"m\.png: mask values \[11, 128\] do not belong to any of"
    ):
        read_mask(spec, tmp_path, ("m.png",), (1, 4), CLASSES, "single_label")


def test_a_word_that_is_one_class_and_numbers_another_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a-1.png", np.ones((4, 6), np.uint8))
    spec = PairedFoldersSpec(image="{name}.jpg", mask="{name}-{class}.png")
    with pytest.raises(ValueError, match="class '1' is the name of class 2 and the number of"):
        read_mask(spec, tmp_path, ("a-1.png",), (4, 6), ("bg", "2", "1"), "single_label")
