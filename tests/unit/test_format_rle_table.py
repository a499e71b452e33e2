"""RLE tables: masks as runs in a CSV."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from raytrain.config.competition import SubmissionSpec
from raytrain.config.formats import RleTableSpec
from raytrain.config.splits import FractionSplitsSpec, RangeSplitsSpec, TableSplitsSpec
from raytrain.data.samples import read_mask
from raytrain.submission.table import build_table
from tests.format_files import CLASSES, found_in, mask_of, save, spec_of, write_rle_table


def test_rows_of_one_image_add_up_and_empty_words_are_empty(tmp_path: Path) -> None:
    save(tmp_path / "im/a1.png")
    save(tmp_path / "im/a2.png")
    (tmp_path / "t.csv").write_text(
        "img,kind,runs\na1,core,1 2\na1,core,9 1\na1,ring,-\na2,core,\n"
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
    few = ("background", "ring")  # a class may be left out of the job if all its rows are empty
    assert not read_mask(spec, tmp_path, ("t.csv#a2",), (4, 6), few, "single_label").any()
    with pytest.raises(ValueError, match="unknown 'core'"):
        read_mask(spec, tmp_path, ("t.csv#a1",), (4, 6), few, "single_label")


def test_what_is_wrong_with_a_table(tmp_path: Path) -> None:
    write_rle_table(tmp_path)
    table = tmp_path / "train.csv"
    with table.open("a") as file:
        file.write("cmr77_1,1 2\n")
    [problem] = found_in(tmp_path, spec_of("rle_table")).problems
    assert "'cmr77' has no image" in problem
    first, *_ = found_in(tmp_path, RleTableSpec(dialect="lasc", id="{name}-{class}")).problems
    assert "train.csv: row 2: id 'cmr10_1' does not match '{name}-{class}'" in first
    [problem] = found_in(tmp_path, RleTableSpec(dialect="lasc", columns=("id", "rel"))).problems
    assert "column unknown 'rel'; did you mean 'rle'?" in problem
    table.write_text("id,rle\ncmr9_1,1 999\n")
    spec = spec_of("rle_table")
    with pytest.raises(ValueError, match=r"train\.csv#cmr9: run 1 999 leaves the image"):
        read_mask(spec, tmp_path, ("train.csv#cmr9",), (4, 6), CLASSES, "single_label")


SPLIT_TABLE = "id,split\n" + "".join(f"a{n},{'train' if n < 5 else 'test'}\n" for n in range(1, 7))


@pytest.mark.parametrize(
    "splits",
    [
        RangeSplitsSpec(train="1-4", test="5-6"),
        TableSplitsSpec(file="s.csv"),
        FractionSplitsSpec(val=0.25),
    ],
)
def test_images_without_a_row_are_what_the_job_says(splits: object, tmp_path: Path) -> None:
    for number in range(1, 7):
        save(tmp_path / f"im/a{number}.png")
    (tmp_path / "s.csv").write_text(SPLIT_TABLE)
    (tmp_path / "train.csv").write_text("id,rle\na1,1 2\na2,\n")
    fields = {"dialect": "lasc", "image": "im/{name}.png"}
    asked = found_in(tmp_path, RleTableSpec(**fields), splits).problems
    empty = found_in(tmp_path, RleTableSpec(**fields, unlisted="empty"), splits)
    unlabelled = found_in(tmp_path, RleTableSpec(**fields, unlisted="unlabelled"), splits)
    assert unlabelled.problems == []
    test = [sample.id for sample in empty.samples if sample.split == "test"]
    assert empty.problems == []
    for sample in empty.samples:
        assert bool(sample.mask) == (sample.split != "test")
        if sample.mask:
            mask_HW = mask_of(RleTableSpec(**fields), tmp_path, sample)
            assert mask_HW.any() == (sample.id == "a1")
    if isinstance(splits, FractionSplitsSpec):
        [problem] = asked
        assert "lists 2 of 6 images, but not 'a3'; set competition.format.unlisted" in problem
        assert test == []
        assert [s.id for s in unlabelled.samples if s.split == "test"] == ["a3", "a4", "a5", "a6"]
    else:
        assert test == ["a5", "a6"]
        assert [line.partition("im/")[2][:2] for line in asked] == ["a3", "a4"]
        assert all("competition.format.unlisted: empty" in line for line in asked)
        assert [s.id for s in unlabelled.samples] == ["a1", "a2", "a5", "a6"]


@pytest.mark.parametrize(("class_as", "number"), [("number", 1), ("name", 2)])
def test_a_class_is_read_as_it_is_written(
    class_as: Literal["number", "name"], number: int, tmp_path: Path
) -> None:
    save(tmp_path / "a.png")
    (tmp_path / "train.csv").write_text("id,class,rle\na,1,1 2\n")
    classes = ("background", "2", "1")
    spec = RleTableSpec(
        dialect="uw_madison", image="{name}.png", class_as=class_as, columns=("id", "class", "rle")
    )
    mask_HW = read_mask(spec, tmp_path, ("train.csv#a",), (4, 6), classes, "single_label")
    assert set(mask_HW[mask_HW > 0]) == {number}
    written = build_table(
        [("a", mask_HW)], classes, SubmissionSpec(dialect="uw_madison", class_as=class_as),
        "single_label",
    )  # fmt: skip
    assert ("a", "1", "1 2") in written


def test_both_tables_of_severstal_are_read(tmp_path: Path) -> None:
    for folder, name in (("train_images", "a"), ("train_images", "b"), ("test_images", "c")):
        save(tmp_path / folder / f"{name}.png")
    (tmp_path / "old.csv").write_text(
        "ImageId_ClassId,EncodedPixels\na.jpg_1,1 2\na.jpg_2,9 1\nb.jpg_1,\nb.jpg_2,\n"
    )
    (tmp_path / "new.csv").write_text("ImageId,ClassId,EncodedPixels\na.jpg,1,1 2\na.jpg,2,9 1\n")
    images = {"image": "train_images/{name}.png", "test_image": "test_images/{name}.png"}
    new = {"columns": ("ImageId", "ClassId", "EncodedPixels"), "class_column": "ClassId"}
    for spec in (
        RleTableSpec(dialect="severstal", table="old.csv", **images),
        RleTableSpec(dialect="severstal", table="new.csv", id="{name}.jpg", unlisted="empty",
                     **images, **new),
    ):  # fmt: skip
        index = found_in(tmp_path, spec, group={"name": "own"})
        assert index.problems == []
        assert [(s.id, s.split) for s in index.samples] == [
            ("a", "train"), ("b", "train"), ("c", "test")
        ]  # fmt: skip
        first, second, test = index.samples
        mask_HW = mask_of(spec, tmp_path, first)
        assert mask_HW.T.ravel()[:9].tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 2]
        assert not mask_of(spec, tmp_path, second).any()
        assert not test.mask
