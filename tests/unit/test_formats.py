"""Formats: every name of FORMATS keeps the Index contract; paired folders in all their corners."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter

from raytrain.config.job import CompetitionSpec, PairedFoldersSpec
from raytrain.data.decode import decode_image, decode_mask
from raytrain.data.formats import FORMATS
from raytrain.data.formats.paired_folders import index_paired_folders
from raytrain.data.index import Index, natural_key

LABELLED = {"train": ["cmr10", "cmr9"], "val": ["cmr1"], "test": ["cmr2"]}


def _write_paired_folders(root: Path) -> None:
    for split, names in LABELLED.items():
        for name in names:
            _touch(root / split / "image" / f"{name}.png")
            if split != "test":
                _touch(root / split / "mask" / f"{name}_mask.png")


WRITERS: dict[str, Callable[[Path], None]] = {"paired_folders": _write_paired_folders}
"""A format's line here writes the samples of LABELLED in its default layout."""


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.eye(4, 6, dtype=np.uint8)).save(path)


def _index(name: str, root: Path) -> Index:
    spec = TypeAdapter(CompetitionSpec.model_fields["format"].annotation)
    return FORMATS[name](spec.validate_python({"name": name}), root)


def _paired(root: Path, spec: PairedFoldersSpec | None = None) -> Index:
    return index_paired_folders(spec or PairedFoldersSpec(), root)


@pytest.fixture
def paired(tmp_path: Path) -> Path:
    _write_paired_folders(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_finds_its_samples_in_order(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path)
    index = _index(name, tmp_path)
    assert index.problems == []
    assert [(s.split, s.id) for s in index.samples] == [
        ("train", "cmr9"), ("train", "cmr10"), ("val", "cmr1"), ("test", "cmr2"),
    ]  # fmt: skip
    for sample in index.samples:
        assert decode_image(sample.image).shape[:2] == (4, 6)
        assert (sample.mask is None) == (sample.split == "test")
        assert sample.mask is None or decode_mask(sample.mask).shape == (4, 6)


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_says_that_there_is_no_data(name: str, tmp_path: Path) -> None:
    missing = _index(name, tmp_path / "none")
    assert missing.samples == []
    assert len(missing.problems) == 1
    assert str(tmp_path / "none") in missing.problems[0]
    empty = _index(name, tmp_path)
    assert empty.samples == []
    assert empty.problems


def test_numbers_in_names_sort_as_numbers() -> None:
    names = ["cmr1", "cmr2", "cmr10", "cmr10a2", "cmr10a10", "x"]
    assert sorted(reversed(names), key=natural_key) == names
    assert sorted(["b1", "10", "9", "a", ""], key=natural_key) == ["", "9", "10", "a", "b1"]


def test_two_names_never_tie() -> None:
    # The order of equal keys would be that of the file system, which differs between machines.
    assert natural_key("cmr1") != natural_key("cmr01")


@pytest.mark.parametrize(
    "name",
    ["a b", " 1", "\u00e9t\u00e91", "\u5fc32", "x.y", "[1]", "a*b?", "c_mask", "{split}", "(x"],
)
def test_any_file_name_is_an_id(name: str, paired: Path) -> None:
    image, mask = paired / f"train/image/{name}.png", paired / f"train/mask/{name}_mask.png"
    _touch(image)
    _touch(mask)
    index = _paired(paired)
    assert index.problems == []
    assert [(s.image, s.mask) for s in index.samples if s.id == name] == [(image, mask)]
    assert len(index.samples) == 5


def test_missing_masks_and_orphan_masks_are_all_named(paired: Path) -> None:
    (paired / "train/mask/cmr9_mask.png").unlink()
    (paired / "train/image/cmr10.png").unlink()
    (paired / "val/mask/cmr1_mask.png").unlink()
    index = _paired(paired)
    assert len(index.problems) == 3
    for problem, words in zip(
        index.problems,
        [
            ("train/image/cmr9.png", "missing", "train/mask/cmr9_mask.png"),
            ("train/mask/cmr10_mask.png", "without an image"),
            ("val/image/cmr1.png", "missing", "val/mask/cmr1_mask.png"),
        ],
        strict=True,
    ):
        assert all(word in problem for word in words), problem


def test_masks_of_the_test_split_are_not_read(paired: Path) -> None:
    _touch(paired / "test/mask/cmr2_mask.png")
    _touch(paired / "test/mask/cmr99_mask.png")
    index = _paired(paired)
    assert index.problems == []
    assert index.samples[-1].mask is None


@pytest.mark.parametrize(("other", "owner"), [("val", "train"), ("test", "train"), ("test", "val")])
def test_an_id_in_two_splits_is_a_problem(other: str, owner: str, paired: Path) -> None:
    name = LABELLED[owner][0]
    _touch(paired / f"{other}/image/{name}.png")
    if other != "test":
        _touch(paired / f"{other}/mask/{name}_mask.png")
    [problem] = _paired(paired).problems
    assert str(paired / f"{other}/image/{name}.png") in problem
    assert f"{owner} too" in problem


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_split_without_an_image_is_a_problem(split: str, paired: Path) -> None:
    shutil.rmtree(paired / split)
    [problem] = _paired(paired).problems
    assert f"no image of split {split!r}" in problem
    assert str(paired / split / "image/{name}.png") in problem


def test_splits_that_a_competition_does_not_have_are_not_looked_for(paired: Path) -> None:
    shutil.rmtree(paired / "val")
    index = _paired(paired, PairedFoldersSpec(splits={"train": "train", "test": "test"}))
    assert index.problems == []
    assert [s.id for s in index.samples] == ["cmr9", "cmr10", "cmr2"]


def test_glob_characters_of_a_pattern_stand_for_themselves(tmp_path: Path) -> None:
    spec = PairedFoldersSpec(
        image="{split}/im*ge[1]/{name}?.png",
        mask="{split}/m+sk/{name}.(m).png",
        splits={"train": "tr[a-z]in"},
    )
    _touch(tmp_path / "tr[a-z]in/im*ge[1]/x?.png")
    _touch(tmp_path / "tr[a-z]in/m+sk/x.(m).png")
    for decoy in ("train/im*ge[1]/a?.png", "tr[a-z]in/image1/b?.png", "tr[a-z]in/im*ge[1]/cd.png"):
        _touch(tmp_path / decoy)
    index = _paired(tmp_path, spec)
    assert index.problems == []
    assert [s.id for s in index.samples] == ["x"]


def test_a_name_used_twice_must_repeat_itself(tmp_path: Path) -> None:
    for path in ("train/a/a.png", "train/a/b.png", "train/a/a_mask.png", "train/b/deep/b.png"):
        _touch(tmp_path / path)
    spec = PairedFoldersSpec(
        image="{split}/{name}/{name}.png",
        mask="{split}/{name}/{name}_mask.png",
        splits={"train": "train"},
    )
    index = _paired(tmp_path, spec)
    assert [s.id for s in index.samples] == ["a"]


def test_folders_and_deeper_files_are_no_images(paired: Path) -> None:
    (paired / "train/image/folder.png").mkdir()
    _touch(paired / "train/image/deep/cmr50.png")
    index = _paired(paired)
    assert index.problems == []
    assert "folder" not in [s.id for s in index.samples]
    assert len(index.samples) == 4
