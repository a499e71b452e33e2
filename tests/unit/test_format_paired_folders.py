"""Paired folders: images and masks found by patterns and paired by name."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from raytrain.config.formats import PairedFoldersSpec
from raytrain.config.splits import FolderSplitsSpec
from raytrain.data.samples import read_image, read_mask
from tests.format_files import LABELLED, paired_in, save, write_paired_folders


@pytest.fixture
def paired(tmp_path: Path) -> Path:
    write_paired_folders(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    ["a b", " 1", "\u00e9t\u00e91", "\u5fc32", "x.y", "[1]", "a*b?", "c_mask", "{split}", "(x"],
)
def test_any_file_name_is_an_id(name: str, paired: Path) -> None:
    image, mask = paired / f"train/image/{name}.png", paired / f"train/mask/{name}_mask.png"
    save(image)
    save(mask)
    index = paired_in(paired)
    assert index.problems == []
    [sample] = [s for s in index.samples if s.id == name]
    assert (sample.image, sample.mask) == (
        (image.relative_to(paired).as_posix(),), (mask.relative_to(paired).as_posix(),)
    )  # fmt: skip
    assert len(index.samples) == 5


def test_missing_masks_and_orphan_masks_are_all_named(paired: Path) -> None:
    (paired / "train/mask/cmr9_mask.png").unlink()
    (paired / "train/image/cmr10.png").unlink()
    (paired / "val/mask/cmr1_mask.png").unlink()
    index = paired_in(paired)
    assert len(index.problems) == 3
    for problem, words in zip(
        index.problems,
        [
            ("train/mask/cmr10_mask.png", "there is no image 'cmr10' for this mask"),
            ("train/image/cmr9.png", "missing", "train/mask/cmr9_mask.png"),
            ("val/image/cmr1.png", "missing", "val/mask/cmr1_mask.png"),
        ],
        strict=True,
    ):
        assert all(word in problem for word in words), problem


def test_masks_of_the_test_split_are_welcome_and_not_needed(paired: Path) -> None:
    save(paired / "test/mask/cmr2_mask.png")
    index = paired_in(paired)
    assert index.problems == []
    assert index.samples[-1].mask == ("test/mask/cmr2_mask.png",)


def test_an_id_in_train_and_val_is_a_problem(paired: Path) -> None:
    name = LABELLED["train"][0]
    save(paired / f"val/image/{name}.png")
    save(paired / f"val/mask/{name}_mask.png")
    [problem] = paired_in(paired).problems
    assert str(paired / f"val/image/{name}.png") in problem
    assert "is also in train" in problem


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_split_without_an_image_is_a_problem(split: str, paired: Path) -> None:
    shutil.rmtree(paired / split)
    (paired / split).mkdir()
    [problem] = paired_in(paired).problems
    assert f"no image of split {split!r}" in problem
    assert str(paired / split / "image/{name}.png") in problem


def test_splits_that_a_competition_does_not_have_are_not_looked_for(paired: Path) -> None:
    shutil.rmtree(paired / "val")
    index = paired_in(paired, splits=FolderSplitsSpec(val=None))
    assert index.problems == []
    assert [s.id for s in index.samples] == ["cmr9", "cmr10", "cmr2"]


def test_glob_characters_of_a_pattern_stand_for_themselves(tmp_path: Path) -> None:
    spec = PairedFoldersSpec(
        image="{split}/im*ge[1]/{name}?.png",
        mask="{split}/m+sk/{name}.(m).png",
    )
    splits = FolderSplitsSpec(train="tr[a-z]in", val=None, test=None)
    save(tmp_path / "tr[a-z]in/im*ge[1]/x?.png")
    save(tmp_path / "tr[a-z]in/m+sk/x.(m).png")
    for decoy in ("train/im*ge[1]/a?.png", "tr[a-z]in/image1/b?.png", "tr[a-z]in/im*ge[1]/cd.png"):
        save(tmp_path / decoy)
    index = paired_in(tmp_path, spec, splits)
    assert index.problems == []
    assert [s.id for s in index.samples] == ["x"]


def test_a_name_used_twice_must_repeat_itself(tmp_path: Path) -> None:
    for path in ("train/a/a.png", "train/a/b.png", "train/a/a_mask.png", "train/b/deep/b.png"):
        save(tmp_path / path)
    spec = PairedFoldersSpec(
        image="{split}/{name}/{name}.png",
        mask="{split}/{name}/{name}_mask.png",
    )
    index = paired_in(tmp_path, spec, FolderSplitsSpec(val=None, test=None))
    assert [s.id for s in index.samples] == ["a"]


def test_folders_and_deeper_files_are_no_images(paired: Path) -> None:
    (paired / "train/image/folder.png").mkdir()
    save(paired / "train/image/deep/cmr50.png")
    index = paired_in(paired)
    assert index.problems == []
    assert "folder" not in [s.id for s in index.samples]
    assert len(index.samples) == 4


def test_image_and_mask_may_stand_in_one_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / f"{name}.png")
        save(tmp_path / f"{name}_mask.png")
    spec = PairedFoldersSpec(image="{name}.png", mask="{name}_mask.png")
    index = paired_in(tmp_path, spec, {"name": "fraction", "val": 0.5})
    assert [s.id for s in index.samples] == ["a", "b"]
    assert all(s.mask == (f"{s.id}_mask.png",) for s in index.samples)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": "{split}/{nmae}.png"}, "unknown '{nmae}'; did you mean '{name}'"),
        ({"image": "{split}/x.png"}, "a pattern needs a part such as {name}"),
        ({"mask": "/abs/{name}.png"}, "relative to competition.data"),
        ({"mask": "../{name}.png"}, "relative to competition.data"),
    ],
)
def test_a_wrong_pattern_is_refused(change: dict, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        PairedFoldersSpec(**change)


def test_links_that_lead_nowhere_are_not_passed_over(paired: Path) -> None:
    (paired / "train/image/loop").symlink_to(paired / "train")
    (paired / "train/image/cmr77.png").symlink_to(paired / "train/image/cmr77.png")
    index = paired_in(paired)
    assert any("cmr77.png: its mask is missing" in problem for problem in index.problems)
    with pytest.raises(ValueError, match=r"cmr77\.png: unreadable"):
        read_image(paired, ("train/image/cmr77.png",))


@pytest.mark.parametrize(
    ("unlisted", "ids"), [("empty", ["cmr9", "cmr10"]), ("unlabelled", ["cmr10"])]
)
def test_an_image_without_a_mask_file_is_empty_or_left_out(
    unlisted: str, ids: list[str], paired: Path
) -> None:
    (paired / "train/mask/cmr9_mask.png").unlink()
    spec = PairedFoldersSpec.model_validate({"unlisted": unlisted})
    index = paired_in(paired, spec)
    assert index.problems == []
    train = [sample for sample in index.samples if sample.split == "train"]
    assert [sample.id for sample in train] == ids
    if unlisted == "empty":
        mask_HW = read_mask(spec, paired, train[0].mask, (3, 4), ("bg", "fg"), "single_label")
        assert mask_HW.shape == (3, 4)
        assert not mask_HW.any()


def test_the_masks_of_a_class_may_be_left_out_if_they_are_empty(tmp_path: Path) -> None:
    spec = PairedFoldersSpec(image="{name}.png", mask="{class}/{name}.png")
    parts = ("fg/a.png", "never/a.png")
    save(tmp_path / parts[0], np.ones((3, 4), np.uint8))
    save(tmp_path / parts[1], np.zeros((3, 4), np.uint8))
    mask_HW = read_mask(spec, tmp_path, parts, (3, 4), ("bg", "fg"), "single_label")
    assert (mask_HW == 1).all()
    with pytest.raises(ValueError, match="unknown 'fg'"):
        read_mask(spec, tmp_path, parts, (3, 4), ("bg", "never"), "single_label")
