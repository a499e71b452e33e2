"""Formats: every name of FORMATS keeps one contract."""

from pathlib import Path

import numpy as np
import pytest

from raytrain.config.splits import RangeSplitsSpec
from raytrain.data.formats import FORMATS
from raytrain.data.index import natural_key
from raytrain.data.samples import read_image
from tests.format_files import MASK, WRITERS, found_in, mask_of, spec_of


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_finds_its_samples_in_order(name: str, tmp_path: Path) -> None:
    ids = WRITERS[name][0](tmp_path)
    index = found_in(tmp_path, spec_of(name))
    assert index.problems == []
    splits = ["train", "train", "val", "test"]
    assert [(s.split, s.id) for s in index.samples] == list(zip(splits, ids, strict=True))
    for sample in index.samples:
        assert read_image(tmp_path, sample.image).shape == (4, 6, 1)
        assert bool(sample.mask) == (sample.split != "test")
        if sample.mask:
            np.testing.assert_array_equal(mask_of(spec_of(name), tmp_path, sample), MASK)


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_says_that_there_is_no_data(name: str, tmp_path: Path) -> None:
    empty = found_in(tmp_path, spec_of(name))
    assert empty.samples == []
    assert all(str(tmp_path) in problem for problem in empty.problems)
    assert empty.problems


@pytest.mark.parametrize("name", FORMATS)
def test_splits_by_number_need_patterns_without_a_split(name: str, tmp_path: Path) -> None:
    WRITERS[name][0](tmp_path)
    [*problems] = found_in(tmp_path, spec_of(name), RangeSplitsSpec(train="1-10")).problems
    assert any("competition.splits is not folders" in problem for problem in problems)


def test_numbers_in_names_sort_as_numbers() -> None:
    names = ["cmr1", "cmr2", "cmr10", "cmr10a2", "cmr10a10", "x"]
    assert sorted(reversed(names), key=natural_key) == names
    assert sorted(["b1", "10", "9", "a", ""], key=natural_key) == ["", "9", "10", "a", "b1"]


def test_two_names_never_tie() -> None:
    # The order of equal keys would be that of the file system, which differs between machines.
    assert natural_key("cmr1") != natural_key("cmr01")
