"""RLE tables: masks as runs in a CSV."""

from pathlib import Path

import numpy as np
import pytest

from raytrain.config.formats import RleTableSpec
from raytrain.config.splits import RangeSplitsSpec
from raytrain.data.samples import read_mask
from tests.format_files import CLASSES
from tests.format_files import found_in as _found
from tests.format_files import mask_of as _mask
from tests.format_files import save as _save
from tests.format_files import spec_of as _spec
from tests.format_files import write_rle_table as _write_rle_table


def test_rows_of_one_image_add_up_and_empty_words_are_empty(tmp_path: Path) -> None:
    _save(tmp_path / "im/a1.png")
    _save(tmp_path / "im/a2.png")
    (tmp_path / "t.csv").write_text(
        "img,kind,runs\na1,core,1 2\na1,core,9 1\na1,ring,-\na2,ring,\n"
    )
    spec = RleTableSpec(
        image="im/{name}.png", table="t.csv", columns=("img", "runs"), class_column="kind"
    )
    first, second = _found(tmp_path, spec, RangeSplitsSpec(train="1-2")).samples
    expected = np.zeros((4, 6), np.uint8)
    expected[[0, 1, 0], [0, 0, 2]] = 2
    np.testing.assert_array_equal(_mask(spec, tmp_path, first), expected)
    assert not _mask(spec, tmp_path, second).any()


def test_what_is_wrong_with_a_table(tmp_path: Path) -> None:
    _write_rle_table(tmp_path)
    table = tmp_path / "train.csv"
    with table.open("a") as file:
        file.write("cmr77_1,1 2\n")
    [problem] = _found(tmp_path, _spec("rle_table")).problems
    assert "'cmr77' has no image" in problem
    [problem] = _found(tmp_path, RleTableSpec(id="{name}-{class}")).problems
    assert "ids such as 'cmr10_1' do not read '{name}-{class}'" in problem
    [problem] = _found(tmp_path, RleTableSpec(columns=("id", "rel"))).problems
    assert "column unknown 'rel'; did you mean 'rle'?" in problem
    table.write_text("id,rle\ncmr9_1,1 999\n")
    spec = _spec("rle_table")
    with pytest.raises(ValueError, match=r"train\.csv#cmr9: run 1 999 leaves the image"):
        read_mask(spec, tmp_path, ("train.csv#cmr9",), (4, 6), CLASSES)
