"""The CSV, byte by byte, and the checks that it is held against."""

from pathlib import Path

import numpy as np
import pytest

from raytrain.config.competition import SubmissionSpec
from raytrain.submission.checks import check_submission
from raytrain.submission.table import build_table, write_table

SPEC = SubmissionSpec()
FIRST = np.array([[0, 1, 1], [2, 1, 0]], np.uint8)
SECOND = np.array([[3, 0, 0], [3, 0, 0]], np.uint8)
CLASSES = ("background", "rv", "myo", "lv")
MASKS = [("cmr9", FIRST), ("cmr10", SECOND)]
TEXT = """\
id,encoding
cmr9_mask1,3 3
cmr9_mask2,2 1
cmr9_mask3,
cmr10_mask1,
cmr10_mask2,
cmr10_mask3,1 2
"""


def written(folder: Path, text: str, name: str = "submission.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def problems(path: Path, spec: SubmissionSpec = SPEC) -> list[str]:
    found = check_submission(path, spec, iter(MASKS), CLASSES, "single_label")
    assert all(problem.startswith(f"{path}: ") for problem in found)
    return [problem.removeprefix(f"{path}: ") for problem in found]


def test_the_file_is_what_was_worked_out_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "new" / "submission.csv"
    write_table(path, build_table(iter(MASKS), CLASSES, SPEC, "single_label"), SPEC)
    assert path.read_bytes() == TEXT.encode()
    assert problems(path) == []
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_ids_and_columns_are_the_competitions(tmp_path: Path) -> None:
    spec = SubmissionSpec(id="{name}", columns=("image, id", "rle"))
    path = tmp_path / "submission.csv"
    write_table(path, build_table([("a,b", FIRST == 1)], CLASSES[:2], spec, "single_label"), spec)
    assert path.read_text() == '"image, id",rle\n"a,b",3 3\n'
    assert check_submission(path, spec, [("a,b", FIRST == 1)], CLASSES[:2], "single_label") == []


def test_a_sample_gives_the_order(tmp_path: Path) -> None:
    lines = TEXT.splitlines()
    wanted = [lines[0], *lines[4:], *lines[1:4]]
    cut = "\n".join(line.split(",")[0] + ",1 1" for line in wanted[1:])
    sample = written(tmp_path, f"id,encoding\n{cut}\n", "sample.csv")
    spec = SubmissionSpec(sample=str(sample))
    path = tmp_path / "submission.csv"
    write_table(path, build_table(MASKS, CLASSES, spec, "single_label"), spec)
    assert path.read_text().splitlines() == wanted
    assert problems(path, spec) == []
    assert problems(written(tmp_path, TEXT), spec) == [
        f"row 2 is 'cmr9_mask1', but in the order of the sample {sample} it is 'cmr10_mask1'"
    ]


def test_a_sample_of_other_images_is_told(tmp_path: Path) -> None:
    text = TEXT.replace("cmr10_mask3", "cmr11_mask1").replace("id,encoding", "Id,Encoding")
    sample = written(tmp_path, text, "sample.csv")
    assert problems(written(tmp_path, TEXT), SubmissionSpec(sample=str(sample))) == [
        f"the header is 'id,encoding', but the sample {sample} has 'Id,Encoding'",
        f"ids in the sample {sample} but not in the file: cmr11_mask1",
        f"ids in the file but not in the sample {sample}: cmr10_mask3",
        f"ids in the masks but not in the sample {sample}: cmr10_mask3",
        f"ids in the sample {sample} but not in the masks: cmr11_mask1",
    ]


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    text = (
        "id,rle\n"
        "cmr9_mask1,3 2\n"  # a pixel less
        "cmr9_mask2,2\n"
        "cmr9_mask3,NaN\n"
        "cmr10_mask1\n"
        "cmr10_mask2,\n"
        "cmr10_mask2,\n"
        "cmr12_mask1,1 2\n"
    )
    assert problems(written(tmp_path, text)) == [
        "the header is 'id,rle', but competition.submission.columns has 'id,encoding'",
        "row 5 has 1 cell, the header has 2; add column 'rle'",
        "row 4 has an encoding that CSV readers take as missing: cmr9_mask3,NaN",
        "ids that occur more than once: cmr10_mask2",
        "ids in the masks but not in the file: cmr10_mask1, cmr10_mask3",
        "ids in the file but not in the masks: cmr12_mask1",
        "cmr9_mask1: 1 px differ from the mask",
        "cmr9_mask2: 1 numbers, but each start needs a length",
        "cmr9_mask3: 'NaN' is not a positive whole number below 10**18",
    ]


def test_rows_out_of_order_and_an_empty_file(tmp_path: Path) -> None:
    lines = TEXT.splitlines()
    lines[2], lines[3] = lines[3], lines[2]
    assert problems(written(tmp_path, "\n".join(lines) + "\n")) == [
        "row 3 is 'cmr9_mask3', but in the order of the masks it is 'cmr9_mask2'"
    ]
    assert problems(written(tmp_path, "")) == ["the file is empty; give one with a header and rows"]


def test_long_lists_are_cut(tmp_path: Path) -> None:
    masks = [(f"cmr{number}", np.minimum(FIRST, 1)) for number in range(30)]
    path = tmp_path / "submission.csv"
    write_table(path, build_table(masks, CLASSES[:2], SPEC, "single_label"), SPEC)
    wrong = [(name, np.zeros_like(mask)) for name, mask in masks]
    found = check_submission(path, SPEC, wrong, CLASSES[:2], "single_label")
    assert len(found) == 11
    assert found[-1].endswith("... and 20 more of this kind")


def test_a_ragged_mask_of_a_large_image_can_be_read_back(tmp_path: Path) -> None:
    mask_HW = (np.indices((300, 300)).sum(0) % 2).astype(np.uint8)
    path = tmp_path / "submission.csv"
    write_table(path, build_table([("big", mask_HW)], CLASSES[:2], SPEC, "single_label"), SPEC)
    assert path.stat().st_size > 2**17
    assert check_submission(path, SPEC, [("big", mask_HW)], CLASSES[:2], "single_label") == []


def test_mistakes_are_told() -> None:
    with pytest.raises(
        ValueError,
        match=r"cmr10: the mask has the value 3, but the .* 3 classes \(single_label\) is 2",
    ):
        build_table(MASKS, CLASSES[:3], SPEC, "single_label")
    for template in ("{name}_{klass}", "{}", "{name", "{class.x}"):
        with pytest.raises(ValueError, match=r"\nid\n .*(unknown '{|a pattern needs {name})"):
            SubmissionSpec(id=template)
