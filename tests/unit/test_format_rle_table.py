"""RLE tables: masks as runs in a CSV."""

from pathlib import Path

import numpy as np
import pytest

from raytrain.config.formats import RleTableSpec
from raytrain.config.splits import RangeSplitsSpec
from raytrain.data.samples import read_mask
from tests.format_files import CLASSES, found_in, mask_of, save, spec_of, write_rle_table


def test_rows_of_one_image_add_up_and_empty_words_are_empty(tmp_path: Path) -> None:
    save(tmp_path / "im/a1.png")
    save(tmp_path / "im/a2.png")
    (tmp_path / "t.csv").write_text(
        "img,kind,runs\na1,core,1 2\na1,core,9 1\na1,ring,-\na2,ring,\n"
    )
    spec = RleTableSpec(
        dialect="contrails", image="im/{name}.png", table="t.csv",
        columns=("img", "kind", "runs"), class_column="kind",
    )  # fmt: skip
    first, second = found_in(tmp_path, spec, RangeSplitsSpec(train="1-2")).samples
    expected = np.zeros((4, 6), np.uint8)
    expected[[0, 1, 0], [0, 0, 2]] = 2
    np.testing.assert_array_equal(mask_of(spec, tmp_path, first), expected)
    assert not mask_of(spec, tmp_path, second).any()


def test_what_is_wrong_with_a_table(tmp_path: Path) -> None:
    write_rle_table(tmp_path)
    table = tmp_path / "train.csv"
    with table.open("a") as file:
        file.write("cmr77_1,1 2\n")
    [problem] = found_in(tmp_path, spec_of("rle_table")).problems
    assert "'cmr77' has no image" in problem
    first, *_ = found_in(tmp_path, RleTableSpec(dialect="lasc", id="{name}-{class}")).problems
    assert "train.csv: row 2: id 'cmr10_1' does not read '{name}-{class}'" in first
    [problem] = found_in(tmp_path, RleTableSpec(dialect="lasc", columns=("id", "rel"))).problems
    assert "column unknown 'rel'; did you mean 'rle'?" in problem
    table.write_text("id,rle\ncmr9_1,1 999\n")
    spec = spec_of("rle_table")
    with pytest.raises(ValueError, match=r"train\.csv#cmr9: run 1 999 leaves the image"):
        read_mask(spec, tmp_path, ("train.csv#cmr9",), (4, 6), CLASSES, "single_label")
