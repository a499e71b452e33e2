"""Splits by number, table and fraction; groups by expression, ends and table; neighbours."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from raytrain.config.competition import CompetitionSpec
from raytrain.config.formats import PairedFoldersSpec
from raytrain.config.splits import GroupSpec, RangeSplitsSpec
from raytrain.data.find import find_samples
from raytrain.data.index import Found
from raytrain.data.samples import read_image

ENDS = [2, 5, 6, 9]


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """f01 .. f12, the first nine with masks; every pixel of a frame holds its number."""
    for number in range(1, 13):
        Image.fromarray(np.full((3, 4), number, np.uint8)).save(tmp_path / f"f{number:02d}.png")
        if number <= 9:
            Image.fromarray(np.ones((3, 4), np.uint8)).save(tmp_path / f"f{number:02d}_m.png")
    return tmp_path


def _find(root: Path, **fields: object) -> tuple[list[Found], dict[str, str], list[str]]:
    base = {
        "name": "c", "data": str(root), "classes": ("a", "b"),
        "format": PairedFoldersSpec(image="{name}.png", mask="{name}_m.png"),
    }  # fmt: skip
    found = find_samples(CompetitionSpec(**{**base, **fields}), root)
    return found.samples, found.groups, found.problems


def _numbers(samples: list[Found], split: str) -> list[int]:
    return [int(sample.id[1:]) for sample in samples if sample.split == split]


def test_splits_by_number(frames: Path) -> None:
    splits = {"name": "ranges", "train": "1-4, 8", "val": "5-7,9", "test": "10-12"}
    samples, _, problems = _find(frames, splits=splits)
    assert problems == []
    assert _numbers(samples, "train") == [1, 2, 3, 4, 8]
    assert _numbers(samples, "val") == [5, 6, 7, 9]
    assert _numbers(samples, "test") == [10, 11, 12]


def test_numbers_in_no_or_two_ranges_are_named(frames: Path) -> None:
    *_, problems = _find(frames, splits=RangeSplitsSpec(train="1-5", val="5-9", test="10-11"))
    assert len(problems) == 2
    assert "f05.png: the number 5 of its name is in the ranges of train and val;" in problems[0]
    assert "f12.png: the number 12 of its name is in no range; correct the ranges" in problems[1]
    *_, [*problems] = _find(frames, splits=RangeSplitsSpec(train="1-9", test="10-12", val="40-50"))
    assert problems == ["competition.splits.val: no image has a number in this range; correct it"]


@pytest.mark.parametrize("text", ["", "1-", "a-b", "5-1", "1;2", "-3"])
def test_ranges_that_are_none(text: str) -> None:
    with pytest.raises(ValidationError, match="range"):
        RangeSplitsSpec(train=text)


def test_splits_and_groups_by_a_table(frames: Path) -> None:
    rows = [
        "name,part,patient",
        *(f"f{n:02d},{'train' if n < 6 else 'val'},p{n % 3}" for n in range(1, 10)),
    ]
    rows += [f"f{n},test,p9" for n in (10, 11, 12)]
    (frames / "t.csv").write_text("\n".join(rows))
    splits = {"name": "table", "file": "t.csv", "id": "name", "split": "part"}
    group = {"name": "table", "file": "t.csv", "id": "name", "group": "patient"}
    samples, groups, problems = _find(frames, splits=splits, group=group)
    assert problems == []
    assert _numbers(samples, "val") == [6, 7, 8, 9]
    assert [groups[f"f{n:02d}"] for n in (1, 2, 3, 4)] == ["p1", "p2", "p0", "p1"]
    (frames / "t.csv").write_text("\n".join(rows[:-1]).replace("f03,train", "f03,trian"))
    *_, problems = _find(frames, splits=splits, group=group)
    assert [problem.partition("t.csv")[2] for problem in problems] == [
        " has no row for 'f12'; add one (competition.group)",
        ": row 4, column 'part': unknown 'trian'; did you mean 'train'? (competition.splits)",
        f": has no row for 'f12' ({frames / 'f12.png'}); add one",
    ]
    *_, [problem] = _find(frames, splits=splits | {"split": "prt"}, group="N")
    assert "column unknown 'prt'; did you mean 'part'?" in problem


@pytest.mark.parametrize("seed", range(3))
def test_a_fraction_of_the_groups_validates(frames: Path, seed: int) -> None:
    splits = {"name": "fraction", "val": 0.4, "seed": seed}
    samples, groups, problems = _find(
        frames, splits=splits, group={"name": "ends", "ends": [*ENDS, 12]}
    )
    assert problems == []
    assert _numbers(samples, "test") == [10, 11, 12]
    train, val = ({groups[s.id] for s in samples if s.split == split} for split in ("train", "val"))
    assert not train & val
    assert train | val == {"2", "5", "6", "9"}
    assert len(val) == 2
    again, *_ = _find(frames, splits=splits, group={"name": "ends", "ends": [*ENDS, 12]})
    assert again == samples


def test_no_fraction_validates(frames: Path) -> None:
    samples, _, problems = _find(frames, splits={"name": "fraction", "val": 0})
    assert (problems, _numbers(samples, "val")) == ([], [])
    assert _numbers(samples, "train") == [*range(1, 10)]
    assert _numbers(samples, "test") == [10, 11, 12]


def test_sequences_that_end_at_numbers(frames: Path) -> None:
    splits = RangeSplitsSpec(train="1-9", test="10-12")
    _, groups, problems = _find(frames, splits=splits, group={"name": "ends", "ends": ENDS})
    assert [groups[f"f{n:02d}"] for n in range(1, 10)] == [
        "2",
        "2",
        "5",
        "5",
        "5",
        "6",
        "9",
        "9",
        "9",
    ]
    assert len(problems) == 3
    assert "f10.png: 'f10' comes after the last end, 9" in problems[0]
    with pytest.raises(ValidationError, match="rising order"):
        TypeAdapter(GroupSpec).validate_python({"name": "ends", "ends": [3, 2]})


def test_an_expression_groups_and_every_image_stands_alone_without_one(frames: Path) -> None:
    splits = RangeSplitsSpec(train="1-9", test="10-12")
    _, groups, _ = _find(frames, splits=splits, group="(N+1)//2")
    assert [groups[f"f{n:02d}"] for n in (1, 2, 3, 12)] == ["1", "1", "2", "6"]
    _, groups, _ = _find(frames, splits=splits)
    assert all(group == id for id, group in groups.items())


def _planes(root: Path, samples: list[Found]) -> dict[int, list[int]]:
    """Frame number -> the numbers of the frames in its channels."""
    return {int(s.id[1:]): read_image(root, s.image)[0, 0].tolist() for s in samples}


def test_neighbours_stay_within_split_and_group(frames: Path) -> None:
    splits = RangeSplitsSpec(train="1-5", val="6-9", test="10-12")
    samples, _, problems = _find(
        frames, splits=splits, neighbours=("N-1", "N", "N+1"),
        group={"name": "ends", "ends": [3, 5, 9, 12]},
    )  # fmt: skip
    assert problems == []
    assert _planes(frames, samples) == {
        1: [1, 1, 2], 2: [1, 2, 3], 3: [2, 3, 3], 4: [4, 4, 5], 5: [4, 5, 5], 6: [6, 6, 7],
        7: [6, 7, 8], 8: [7, 8, 9], 9: [8, 9, 9], 10: [10, 10, 11], 11: [10, 11, 12],
        12: [11, 12, 12],
    }  # fmt: skip


def test_frames_that_are_replaced_are_counted_and_never_all_of_them(frames: Path) -> None:
    splits = RangeSplitsSpec(train="1-5", val="6-9", test="10-12")
    neighbours = ("N-1", "N", "N+1")
    *_, [problem] = _find(frames, splits=splits, neighbours=neighbours)
    assert "24 of 24 neighboring frames are replaced by the image itself" in problem
    assert "{name: stem}" in problem
    base = {"name": "c", "data": str(frames), "classes": ("a", "b"), "splits": splits}
    format = PairedFoldersSpec(image="{name}.png", mask="{name}_m.png")
    found = find_samples(
        CompetitionSpec(**base, format=format, neighbours=neighbours, group={"name": "stem"}),
        frames,
    )
    assert found.problems == []
    assert set(found.groups.values()) == {"f"}
    assert found.notes == ("6 of 24 neighboring frames are replaced by the image itself",)
    assert _planes(frames, found.samples)[2] == [1, 2, 3]


def test_the_two_phases_of_a_patient(frames: Path) -> None:
    samples, _, problems = _find(
        frames, splits=RangeSplitsSpec(train="1-8", val="9", test="10-12"), group="(N+1)//2",
        neighbours=("N", "4*((N+1)//2)-1-N"),
    )  # fmt: skip
    assert problems == []
    planes = _planes(frames, samples)
    assert [planes[n] for n in (1, 2, 7, 8)] == [[1, 2], [2, 1], [7, 8], [8, 7]]
    # Frame 10 is its patient's second phase, but 9 validates and 10 is a test image.
    assert (planes[9], planes[10]) == ([9, 9], [10, 10])
