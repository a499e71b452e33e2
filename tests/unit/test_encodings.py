"""Every RLE dialect takes any mask there and back; the strings are those worked out by hand."""

from typing import get_args

import numpy as np
import pytest

from raytrain.config.competition import SubmissionSpec
from raytrain.rle import ENCODINGS


def masks() -> dict[str, np.ndarray]:
    """Bool masks (H, W) that have broken run-length coders before."""
    rng = np.random.default_rng(0)
    edges = np.zeros((6, 9), bool)
    edges[0], edges[-1], edges[:, 0], edges[:, -1] = True, True, True, True
    corners = np.zeros((4, 5), bool)
    corners[[0, 0, -1, -1], [0, -1, 0, -1]] = True
    return {
        "random": rng.random((37, 53)) < 0.5,
        "sparse": rng.random((64, 48)) < 0.02,
        "tall": rng.random((41, 3)) < 0.5,
        "row": rng.random((1, 17)) < 0.5,
        "column": rng.random((17, 1)) < 0.5,
        "empty": np.zeros((5, 7), bool),
        "full": np.ones((5, 7), bool),
        "checkerboard": np.indices((8, 6)).sum(0) % 2 == 0,
        "edges": edges,
        "corners": corners,
        "one_on": np.ones((1, 1), bool),
        "one_off": np.zeros((1, 1), bool),
    }


MASKS = masks()


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("name", ENCODINGS)
def test_decode_undoes_encode(name: str, mask: str) -> None:
    encoding, mask_HW = ENCODINGS[name], MASKS[mask]
    text = encoding.encode(mask_HW)
    decoded_HW = encoding.decode(text, mask_HW.shape)
    assert decoded_HW.dtype == bool
    np.testing.assert_array_equal(decoded_HW, mask_HW)
    assert encoding.encode(np.asfortranarray(mask_HW)) == text


@pytest.mark.parametrize("name", ENCODINGS)
def test_an_absent_class_is_no_text(name: str) -> None:
    assert ENCODINGS[name].encode(np.zeros((3, 4), bool)) == ""


def test_the_specs_words_are_the_dialects() -> None:
    words = get_args(SubmissionSpec.model_fields["encoding"].annotation)
    assert set(words) == set(ENCODINGS)


def pixel_by_pixel(mask_HW: np.ndarray) -> str:
    """column_major_1 as one would explain it: walk down each column, counting from 1."""
    words: list[int] = []
    height, width = mask_HW.shape
    previous = False
    for position in range(height * width):
        here = bool(mask_HW[position % height, position // height])
        if here and not previous:
            words += [position + 1, 0]
        if here:
            words[-1] += 1
        previous = here
    return " ".join(map(str, words))


@pytest.mark.parametrize("mask", MASKS)
def test_column_major_1_is_the_walk_down_the_columns(mask: str) -> None:
    assert ENCODINGS["column_major_1"].encode(MASKS[mask]) == pixel_by_pixel(MASKS[mask])


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (["#...", "....", "...."], "1 1"),
        (["....", "....", "...#"], "12 1"),
        ([".#..", ".#..", ".#.."], "4 3"),
        (["....", "####", "...."], "2 1 5 1 8 1 11 1"),
        (["..#.", ".##.", ".#.."], "5 4"),  # down the second column, on into the third
        ([".##.", ".#..", "...#"], "4 2 7 1 12 1"),
        (["####", "####", "####"], "1 12"),
        (["....", "....", "...."], ""),
    ],
)
def test_column_major_1_by_hand(rows: list[str], text: str) -> None:
    mask_HW = np.array([[letter == "#" for letter in row] for row in rows])
    assert ENCODINGS["column_major_1"].encode(mask_HW) == text
    np.testing.assert_array_equal(ENCODINGS["column_major_1"].decode(text, (3, 4)), mask_HW)


def test_runs_may_touch_and_spaces_do_not_count() -> None:
    decoded_HW = ENCODINGS["column_major_1"].decode("  4 1  5 2 ", (3, 4))
    np.testing.assert_array_equal(decoded_HW, ENCODINGS["column_major_1"].decode("4 3", (3, 4)))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("1 2 5", "3 numbers; starts and lengths come in pairs"),
        ("0 2", "'0' is no positive whole number"),
        ("3 0", "'0' is no positive whole number"),
        ("-1 2", "'-1' is no positive whole number"),
        ("1.0 2", "'1.0' is no positive whole number"),
        ("nan", "'nan' is no positive whole number"),
        ("1_0 1", "'1_0' is no positive whole number"),
        ("5 2 1 2", "run 1 2 starts before the end of the run before it, 5 2"),
        ("1 3 3 2", "run 3 2 starts before the end of the run before it, 1 3"),
        ("13 1", "run 13 1 leaves the image of 3 x 4 px"),
        ("12 2", "run 12 2 leaves the image of 3 x 4 px"),
        ("1 999999999999999999", "leaves the image"),
        ("99999999999999999999 1", "'99999999999999999999' is no positive whole number"),
    ],
)
def test_column_major_1_names_the_fault(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        ENCODINGS["column_major_1"].decode(text, (3, 4))
