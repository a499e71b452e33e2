"""Formats: every name of FORMATS keeps one contract; each in its own corners."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from raytrain.config.competition import CompetitionSpec
from raytrain.config.dialects import DIALECTS
from raytrain.config.formats import FormatSpec, NumpyStacksSpec, PairedFoldersSpec, RleTableSpec
from raytrain.config.splits import FolderSplitsSpec, RangeSplitsSpec
from raytrain.data.find import find_samples
from raytrain.data.formats import FORMATS
from raytrain.data.index import Found, Index, natural_key
from raytrain.data.samples import read_image, read_mask
from raytrain.rle import encode

LABELLED = {"train": ["cmr10", "cmr9"], "val": ["cmr1"], "test": ["cmr2"]}
CLASSES = ("background", "ring", "core")
MASK = np.eye(4, 6, dtype=np.uint8) + 2 * np.eye(4, 6, k=2, dtype=np.uint8)
"""What every labelled sample of a writer has."""


def _write_paired_folders(root: Path) -> list[str]:
    for split, names in LABELLED.items():
        for name in names:
            _save(root / split / "image" / f"{name}.png")
            if split != "test":
                _save(root / split / "mask" / f"{name}_mask.png", MASK)
    return ["cmr9", "cmr10", "cmr1", "cmr2"]


def _write_numpy_stacks(root: Path) -> list[str]:
    root.mkdir(parents=True, exist_ok=True)
    for split, names in LABELLED.items():
        np.save(root / f"{split}images.npy", np.arange(24 * len(names)).reshape(-1, 4, 6))
        if split != "test":
            np.save(root / f"{split}labels.npy", np.stack([MASK] * len(names)))
    return ["train_0", "train_1", "val_0", "test_0"]


def _write_rle_table(root: Path) -> list[str]:
    rows = []
    for split, names in LABELLED.items():
        for name in names:
            _save(root / split / f"{name}.png")
            if split != "test":
                dialect = DIALECTS["hubmap_hpa_2022"]
                rows += [(f"{name}_{k}", encode(k == MASK, dialect)) for k in (1, 2)]
    pd.DataFrame(rows, columns=["id", "rle"]).to_csv(root / "train.csv", index=False)
    return ["cmr9", "cmr10", "cmr1", "cmr2"]


WRITERS: dict[str, tuple[Callable[[Path], list[str]], dict[str, Any]]] = {
    "paired_folders": (_write_paired_folders, {}),
    "numpy_stacks": (_write_numpy_stacks, {}),
    "rle_table": (_write_rle_table, {"dialect": "hubmap_hpa_2022", "id": "{name}_{class}"}),
}
"""A format's line here writes the splits of LABELLED and returns the ids in order; with its
parameters."""


def _save(path: Path, array: np.ndarray = MASK) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def _spec(name: str) -> Any:
    return TypeAdapter(FormatSpec).validate_python({"name": name, **WRITERS[name][1]})


def _found(root: Path, spec: Any, splits: Any = None, group: Any = "N") -> Index:
    """Samples and problems of a competition."""
    competition = CompetitionSpec(
        name="c", data=str(root), format=spec, splits=splits or FolderSplitsSpec(),
        classes=CLASSES, group=group,
    )  # fmt: skip
    samples, _, problems = find_samples(competition, root)
    return Index(samples, problems)


def _paired(root: Path, spec: PairedFoldersSpec | None = None, splits: Any = None) -> Index:
    return _found(root, spec or PairedFoldersSpec(), splits, {"name": "own"})


def _mask(spec: Any, root: Path, sample: Found) -> np.ndarray:
    return read_mask(spec, root, sample.mask, (4, 6), CLASSES, "single_label")


@pytest.fixture
def paired(tmp_path: Path) -> Path:
    _write_paired_folders(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_finds_its_samples_in_order(name: str, tmp_path: Path) -> None:
    ids = WRITERS[name][0](tmp_path)
    index = _found(tmp_path, _spec(name))
    assert index.problems == []
    splits = ["train", "train", "val", "test"]
    assert [(s.split, s.id) for s in index.samples] == list(zip(splits, ids, strict=True))
    for sample in index.samples:
        assert read_image(tmp_path, sample.image).shape == (4, 6, 1)
        assert bool(sample.mask) == (sample.split != "test")
        if sample.mask:
            np.testing.assert_array_equal(_mask(_spec(name), tmp_path, sample), MASK)


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_says_that_there_is_no_data(name: str, tmp_path: Path) -> None:
    empty = _found(tmp_path, _spec(name))
    assert empty.samples == []
    assert all(str(tmp_path) in problem for problem in empty.problems)
    assert empty.problems


@pytest.mark.parametrize("name", FORMATS)
def test_splits_by_number_need_patterns_without_a_split(name: str, tmp_path: Path) -> None:
    WRITERS[name][0](tmp_path)
    [*problems] = _found(tmp_path, _spec(name), RangeSplitsSpec(train="1-10")).problems
    assert any("competition.splits is not of kind folders" in problem for problem in problems)


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
    _save(image)
    _save(mask)
    index = _paired(paired)
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
    index = _paired(paired)
    assert len(index.problems) == 3
    for problem, words in zip(
        index.problems,
        [
            ("train/mask/cmr10_mask.png", "without an image"),
            ("train/image/cmr9.png", "missing", "train/mask/cmr9_mask.png"),
            ("val/image/cmr1.png", "missing", "val/mask/cmr1_mask.png"),
        ],
        strict=True,
    ):
        assert all(word in problem for word in words), problem


def test_masks_of_the_test_split_are_welcome_and_not_needed(paired: Path) -> None:
    _save(paired / "test/mask/cmr2_mask.png")
    index = _paired(paired)
    assert index.problems == []
    assert index.samples[-1].mask == ("test/mask/cmr2_mask.png",)


@pytest.mark.parametrize(("other", "owner"), [("val", "train"), ("test", "train"), ("test", "val")])
def test_an_id_in_two_splits_is_a_problem(other: str, owner: str, paired: Path) -> None:
    name = LABELLED[owner][0]
    _save(paired / f"{other}/image/{name}.png")
    if other != "test":
        _save(paired / f"{other}/mask/{name}_mask.png")
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
    index = _paired(paired, splits=FolderSplitsSpec(val=None))
    assert index.problems == []
    assert [s.id for s in index.samples] == ["cmr9", "cmr10", "cmr2"]


def test_glob_characters_of_a_pattern_stand_for_themselves(tmp_path: Path) -> None:
    spec = PairedFoldersSpec(
        image="{split}/im*ge[1]/{name}?.png",
        mask="{split}/m+sk/{name}.(m).png",
    )
    splits = FolderSplitsSpec(train="tr[a-z]in", val=None, test=None)
    _save(tmp_path / "tr[a-z]in/im*ge[1]/x?.png")
    _save(tmp_path / "tr[a-z]in/m+sk/x.(m).png")
    for decoy in ("train/im*ge[1]/a?.png", "tr[a-z]in/image1/b?.png", "tr[a-z]in/im*ge[1]/cd.png"):
        _save(tmp_path / decoy)
    index = _paired(tmp_path, spec, splits)
    assert index.problems == []
    assert [s.id for s in index.samples] == ["x"]


def test_a_name_used_twice_must_repeat_itself(tmp_path: Path) -> None:
    for path in ("train/a/a.png", "train/a/b.png", "train/a/a_mask.png", "train/b/deep/b.png"):
        _save(tmp_path / path)
    spec = PairedFoldersSpec(
        image="{split}/{name}/{name}.png",
        mask="{split}/{name}/{name}_mask.png",
    )
    index = _paired(tmp_path, spec, FolderSplitsSpec(val=None, test=None))
    assert [s.id for s in index.samples] == ["a"]


def test_folders_and_deeper_files_are_no_images(paired: Path) -> None:
    (paired / "train/image/folder.png").mkdir()
    _save(paired / "train/image/deep/cmr50.png")
    index = _paired(paired)
    assert index.problems == []
    assert "folder" not in [s.id for s in index.samples]
    assert len(index.samples) == 4


def test_image_and_mask_may_stand_in_one_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        _save(tmp_path / f"{name}.png")
        _save(tmp_path / f"{name}_mask.png")
    spec = PairedFoldersSpec(image="{name}.png", mask="{name}_mask.png")
    index = _paired(tmp_path, spec, {"name": "fraction", "val": 0.5})
    assert [s.id for s in index.samples] == ["a", "b"]
    assert all(s.mask == (f"{s.id}_mask.png",) for s in index.samples)


def test_a_mask_in_a_file_an_object(tmp_path: Path) -> None:
    first, second = np.zeros((4, 6), np.uint8), np.zeros((4, 6), np.uint8)
    first[:2], second[1:, 3] = 255, 7
    _save(tmp_path / "n1/images/n1.png")
    for number, array in enumerate((first, second)):
        _save(tmp_path / f"n1/masks/{number}f.png", array)
    spec = PairedFoldersSpec(image="{name}/images/{name}.png", mask="{name}/masks/{object}.png")
    [sample] = _paired(tmp_path, spec, RangeSplitsSpec(train="1")).samples
    assert len(sample.mask) == 2
    np.testing.assert_array_equal(_mask(spec, tmp_path, sample), (first | second) > 0)


def test_a_mask_in_a_file_a_class(tmp_path: Path) -> None:
    _save(tmp_path / "n1.png")
    for word, k in (("ring", 1), ("2", 2)):
        _save(tmp_path / f"n1-{word}.tif", (k == MASK).astype(np.uint8) * 255)
    spec = PairedFoldersSpec(image="{name}.png", mask="{name}-{class}.tif")
    [sample] = _paired(tmp_path, spec, RangeSplitsSpec(train="1")).samples
    np.testing.assert_array_equal(_mask(spec, tmp_path, sample), MASK)
    _save(tmp_path / "n1-2.tif", np.full((4, 6), 255, np.uint8))
    with pytest.raises(ValueError, match=r"n1-(2|ring)\.tif: 4 px belong to another class, too"):
        _mask(spec, tmp_path, sample)
    (tmp_path / "n1-2.tif").rename(tmp_path / "n1-rink.tif")
    [sample] = _paired(tmp_path, spec, RangeSplitsSpec(train="1")).samples
    with pytest.raises(ValueError, match="unknown 'rink'; did you mean 'ring'"):
        _mask(spec, tmp_path, sample)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"name": "threshold"}, [0, 0, 1, 1]),
        ({"name": "threshold", "above": 0}, [0, 1, 1, 1]),
        ({"name": "values", "classes": {0: 0, 11: 0, 128: 2, 255: 1}}, [0, 0, 2, 1]),
    ],
)
def test_what_the_values_of_a_mask_mean(tmp_path: Path, labels: dict, expected: list) -> None:
    _save(tmp_path / "m.png", np.array([[0, 11, 128, 255]], np.uint8))
    spec = PairedFoldersSpec(labels=labels)
    found = read_mask(spec, tmp_path, ("m.png",), (1, 4), CLASSES, "single_label")
    assert found.tolist() == [expected]
    assert found.dtype == np.uint8


def test_a_value_without_a_class_is_named(tmp_path: Path) -> None:
    _save(tmp_path / "m.png", np.array([[0, 11, 128, 255]], np.uint8))
    spec = PairedFoldersSpec(labels={"name": "values", "classes": {0: 0, 255: 1}})
    with pytest.raises(ValueError, match=r"m\.png: mask values \[11, 128\] are none of"):
        read_mask(spec, tmp_path, ("m.png",), (1, 4), CLASSES, "single_label")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": "{split}/{nmae}.png"}, "unknown '{nmae}'; did you mean '{name}'"),
        ({"image": "{split}/x.png"}, "a pattern needs {name}"),
        ({"mask": "/abs/{name}.png"}, "relative to competition.data"),
        ({"mask": "../{name}.png"}, "relative to competition.data"),
    ],
)
def test_a_wrong_pattern_is_refused(change: dict, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        PairedFoldersSpec(**change)


def test_stacks_are_mapped_row_by_row(tmp_path: Path) -> None:
    _write_numpy_stacks(tmp_path)
    image = read_image(tmp_path, ("trainimages.npy#1",))
    np.testing.assert_array_equal(image[..., 0], np.arange(24, 48).reshape(4, 6))
    assert image.dtype == np.int64


@pytest.mark.parametrize(
    ("file", "array", "words"),
    [
        ("trainlabels.npy", np.zeros((3, 4, 6), np.uint8), "holds 3 masks, trainimages.npy 2"),
        ("trainimages.npy", np.array([{}, {}]), "pickled objects"),
        ("valimages.npy", np.zeros((4, 6)), "a stack is an array N x H x W"),
    ],
)
def test_stacks_that_are_none(tmp_path: Path, file: str, array: np.ndarray, words: str) -> None:
    _write_numpy_stacks(tmp_path)
    np.save(tmp_path / file, array)
    problems = _found(tmp_path, NumpyStacksSpec()).problems
    assert any(words in problem and file in problem for problem in problems)


def test_rows_of_one_image_add_up_and_empty_words_are_empty(tmp_path: Path) -> None:
    _save(tmp_path / "im/a1.png")
    _save(tmp_path / "im/a2.png")
    (tmp_path / "t.csv").write_text(
        "img,kind,runs\na1,core,1 2\na1,core,9 1\na1,ring,-\na2,ring,\n"
    )
    spec = RleTableSpec(
        dialect="contrails", image="im/{name}.png", table="t.csv",
        columns=("img", "kind", "runs"), class_column="kind",
    )  # fmt: skip
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
    [problem] = _found(tmp_path, RleTableSpec(dialect="lasc", id="{name}-{class}")).problems
    assert "ids such as 'cmr10_1' do not read '{name}-{class}'" in problem
    [problem] = _found(tmp_path, RleTableSpec(dialect="lasc", columns=("id", "rel"))).problems
    assert "column unknown 'rel'; did you mean 'rle'?" in problem
    table.write_text("id,rle\ncmr9_1,1 999\n")
    spec = _spec("rle_table")
    with pytest.raises(ValueError, match=r"train\.csv#cmr9: run 1 999 leaves the image"):
        read_mask(spec, tmp_path, ("train.csv#cmr9",), (4, 6), CLASSES, "single_label")


def test_links_that_lead_nowhere_are_not_passed_over(paired: Path) -> None:
    (paired / "train/image/loop").symlink_to(paired / "train")
    (paired / "train/image/cmr77.png").symlink_to(paired / "train/image/cmr77.png")
    index = _paired(paired)
    assert any("cmr77.png: its mask is missing" in problem for problem in index.problems)
    with pytest.raises(ValueError, match=r"cmr77\.png: unreadable"):
        read_image(paired, ("train/image/cmr77.png",))
