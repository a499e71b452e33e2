"""The check of a CSV names the objects, rows and keys that differ from the masks."""

from pathlib import Path

import numpy as np
import pytest

from raytrain.config.competition import SubmissionSpec
from raytrain.submission.checks import check_submission
from tests.drawn_masks import CLASSES, DRAWN, NOTHING, TABLE, packed


def faults(folder: Path, name: str, text: str, mask_HW: np.ndarray = DRAWN) -> list[str]:
    """What is wrong with a file of image `a`."""
    path = folder / TABLE
    path.write_text(text)
    found = check_submission(
        path, SubmissionSpec(dialect=name), [("a", mask_HW)], CLASSES, "single_label"
    )
    return [problem.removeprefix(f"{path}: ") for problem in found]


def test_objects_may_stand_in_any_order(tmp_path: Path) -> None:
    header = "ImageId,EncodedPixels"
    assert faults(tmp_path, "airbus", f"{header}\na.jpg,9 3\na.jpg,1 2\na.jpg,7 1\n") == []
    listed = packed("831", "02:", "615")
    text = f"id,height,width,prediction_string\na,3,4,{listed}\n"
    assert faults(tmp_path, "hubmap_2023", text) == []


FEWER, MORE = (
    "a.jpg: the file has 2 objects, but the mask has 3",
    "a.jpg: the file has 4 objects, but the mask has 3",
)


DIFFERS = "a.jpg: 1 px differ from the mask"


@pytest.mark.parametrize(
    ("rows", "problems"),
    [
        (["1 2", "7 1"], [FEWER]),
        (["1 2 7 1", "9 3"], [FEWER, DIFFERS]),
        (["1 3", "7 1", "9 3"], [DIFFERS]),
        (
            ["1 2", "7 1", ""],
            ["a.jpg: one of its rows encodes no pixel, although there are several rows"],
        ),
        (
            ["1 2", "7 1", "9 3", "9 3"],
            [
                MORE,
                "a.jpg: the object whose first pixel is at row 0, column 3 matches no remaining "
                "object of the mask",
                "a: 3 px are in several rows, but rows must not overlap",
            ],
        ),
        (
            ["1 2", "6 1", "7 1", "9 3"],
            [
                MORE,
                "a.jpg: the object whose first pixel is at row 2, column 1 matches no remaining "
                "object of the mask",
            ],
        ),
    ],
)
def test_objects_that_are_wrong(rows: list[str], problems: list[str], tmp_path: Path) -> None:
    text = "ImageId,EncodedPixels\n" + "".join(f"a.jpg,{row}\n" for row in rows)
    assert faults(tmp_path, "airbus", text) == problems


def test_an_image_without_objects_has_one_row(tmp_path: Path) -> None:
    header = "ImageId,EncodedPixels"
    assert faults(tmp_path, "airbus", f"{header}\na.jpg,\n", NOTHING) == []
    assert faults(tmp_path, "airbus", f"{header}\n", NOTHING) == [
        "ids in the masks but not in the file: a.jpg"
    ]
    assert faults(tmp_path, "airbus", f"{header}\na.jpg,\na.jpg,\n", NOTHING) == [
        "a.jpg: the file has 2 objects, but the mask has 1"
    ]


def test_another_token_is_told(tmp_path: Path) -> None:
    assert faults(tmp_path, "sennet", "id,rle\na,\n", NOTHING) == [
        "a: the cell is blank; an empty mask is written '1 0'"
    ]
    assert faults(tmp_path, "contrails", "record_id,encoded_pixels\na,-1\n", NOTHING) == [
        "a: '-1' is not a positive whole number below 10**18"
    ]


def test_the_key_is_all_that_stands_before_the_encoding(tmp_path: Path) -> None:
    text = "id,class,predicted\na,Fish,1 1 3 1 5 1\na,Fish,4 1 8 1 11 1\n"
    assert faults(tmp_path, "uw_madison", text) == [
        "ids that occur more than once: a,Fish",
        "ids in the masks but not in the file: a,Flower",
    ]
    listed = packed("02:", "615", "831")
    text = f"id,height,width,prediction_string\na,4,3,{listed}\n"
    assert faults(tmp_path, "hubmap_2023", text) == [
        "ids in the masks but not in the file: a,3,4",
        "ids in the file but not in the masks: a,4,3",
    ]
