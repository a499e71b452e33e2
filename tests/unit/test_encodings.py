"""Every way to write a mask takes any mask there and back; the strings were worked out by hand."""

import base64
import itertools
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from raytrain import rle
from raytrain.config.dialects import DIALECTS, Dialect
from raytrain.rle import LAYOUTS, decode, encode, encode_numbers, read_cell, written_cell
from raytrain.rle.coco import write_coco, write_coco_zlib
from raytrain.rle.runs import Runs

PAIRS = {
    f"{order}, first {first}, {starts}": Dialect(order=order, first=first, starts=starts)
    for order, first, starts in itertools.product(
        ("column", "row"), (0, 1), ("absolute", "relative")
    )
}
RULES = {**DIALECTS, **PAIRS, "coco": Dialect(layout="coco")}
COLUMN, COCO, PACKED = Dialect(), RULES["coco"], Dialect(layout="coco_zlib")


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


def drawn(kind: type[np.generic], largest: int) -> st.SearchStrategy[np.ndarray]:
    """Masks (H, W) of 0 .. `largest`."""
    shapes = array_shapes(min_dims=2, max_dims=2, max_side=40)
    return arrays(kind, shapes, elements=st.integers(0, largest), fill=st.just(0))


@settings(max_examples=50)
@given(mask_HW=drawn(np.uint8, 1))
def test_decode_undoes_encode(mask_HW: np.ndarray) -> None:
    for rules in RULES.values():
        _there_and_back(rules, mask_HW.astype(bool))


@pytest.mark.parametrize("mask", MASKS)
def test_decode_undoes_encode_of_masks_that_have_broken_coders(mask: str) -> None:
    for rules in RULES.values():
        _there_and_back(rules, MASKS[mask])


def _there_and_back(rules: Dialect, mask_HW: np.ndarray) -> None:
    text = encode(mask_HW, rules)
    decoded_HW = decode(text, mask_HW.shape, rules)
    assert decoded_HW.dtype == bool
    np.testing.assert_array_equal(decoded_HW, mask_HW, err_msg=str(rules))
    assert encode(np.asfortranarray(mask_HW), rules) == text
    [read_HW] = read_cell(written_cell([text], rules), mask_HW.shape, rules)
    np.testing.assert_array_equal(read_HW, mask_HW)


@settings(max_examples=50)
@given(image_HW=drawn(np.uint8, 6) | drawn(np.uint16, 6) | drawn(np.int32, 6))
def test_one_pass_over_the_numbers_is_a_pass_for_each(image_HW: np.ndarray) -> None:
    for name, rules in RULES.items():
        texts = encode_numbers(image_HW, 6, rules)
        assert texts == [encode(image_HW == k, rules) for k in range(1, 7)], name


@pytest.mark.parametrize("name", RULES)
def test_an_empty_mask_is_no_text_and_its_cell_the_token(name: str) -> None:
    assert encode(np.zeros((3, 4), bool), RULES[name]) == ""
    assert written_cell([""], RULES[name]) == RULES[name].empty


def pixel_by_pixel(mask_HW: np.ndarray, rules: Dialect) -> str:
    """Pairs as one would explain them: walk over the image and count."""
    words: list[int] = []
    height, width = mask_HW.shape
    previous, ended = False, 0
    for position in range(height * width):
        place = divmod(position, width)
        if rules.order == "column":
            place = (position % height, position // height)
        here = bool(mask_HW[place])
        if here and not previous:
            from_here = ended if rules.starts == "relative" else 0
            words += [position - from_here + rules.first, 0]
        if here:
            words[-1] += 1
            ended = position + 1
        previous = here
    return " ".join(map(str, words))


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_the_walk_over_the_image(name: str) -> None:
    for mask_HW in MASKS.values():
        assert encode(mask_HW, PAIRS[name]) == pixel_by_pixel(mask_HW, PAIRS[name])


BY_HAND = [
    # rows of the mask, columns from 1, rows from 1, SIIM (relative from 0), COCO
    (["#...", "....", "...."], "1 1", "1 1", "0 1", "01;"),
    (["....", "....", "...#"], "12 1", "12 1", "11 1", ";1"),
    ([".#..", ".#..", ".#.."], "4 3", "2 1 6 1 10 1", "3 3", "336"),
    (["....", "####", "...."], "2 1 5 1 8 1 11 1", "5 4", "1 1 2 1 2 1 2 1", "11200000O"),
    (["..#.", ".##.", ".#.."], "5 4", "3 1 6 2 10 1", "4 4", "444"),
    ([".##.", ".#..", "...#"], "4 2 7 1 12 1", "2 2 6 1 12 1", "3 2 1 1 4 1", "321O30"),
    (["####", "####", "####"], "1 12", "1 12", "0 12", "0<"),
]


@pytest.mark.parametrize(("rows", "column", "row", "siim", "coco"), BY_HAND)
def test_by_hand(rows: list[str], column: str, row: str, siim: str, coco: str) -> None:
    mask_HW = np.array([[letter == "#" for letter in line] for line in rows])
    packed = base64.b64encode(zlib.compress(coco.encode(), 9)).decode()
    for rules, text in (
        (COLUMN, column),
        (DIALECTS["sennet"], row),
        (DIALECTS["siim_acr"], siim),
        (COCO, coco),
        (PACKED, packed),
    ):
        assert encode(mask_HW, rules) == text
        np.testing.assert_array_equal(decode(text, (3, 4), rules), mask_HW)


@pytest.mark.parametrize(
    ("gap", "length", "text"),
    [(15, 1, "?1"), (16, 1, "`01"), (100, 1, "T31"), (100, 32, "T3P1"), (1023, 1, "oo01")],
)
def test_numbers_of_several_groups_by_hand(gap: int, length: int, text: str) -> None:
    mask_HW = np.arange(gap + length)[:, None] >= gap
    assert encode(mask_HW, COCO) == text
    np.testing.assert_array_equal(decode(text, mask_HW.shape, COCO), mask_HW)


def test_the_string_of_hubmaps_sample_submission() -> None:
    """Every row of it said `0 1.0 eNoLCAgIMAEABJkBdQ==`: no pixel of 2048 x 2048."""
    none = Runs(np.empty(0, np.int64), np.empty(0, np.int64))
    assert write_coco(none, (2048, 2048), COCO) == "PPPP4"
    assert write_coco_zlib(none, (2048, 2048), COCO) == "eNoLCAgIMAEABJkBdQ=="
    [mask_HW] = read_cell("0 1.0 eNoLCAgIMAEABJkBdQ==", (2048, 2048), DIALECTS["hubmap_2023"])
    assert not mask_HW.any()


@pytest.mark.parametrize("mask", MASKS)
def test_coco_is_what_pycocotools_writes(mask: str) -> None:
    counts = coco_mask.encode(np.asfortranarray(MASKS[mask], np.uint8))["counts"].decode()
    if MASKS[mask].any():
        assert encode(MASKS[mask], COCO) == counts
    np.testing.assert_array_equal(decode(counts, MASKS[mask].shape, COCO), MASKS[mask])


def test_runs_may_touch_and_spaces_do_not_count() -> None:
    np.testing.assert_array_equal(
        decode("  4 1  5 2 ", (3, 4), COLUMN), decode("4 3", (3, 4), COLUMN)
    )
    siim = DIALECTS["siim_acr"]
    np.testing.assert_array_equal(decode("3 1 0 2", (3, 4), siim), decode("3 3", (3, 4), siim))


@pytest.mark.parametrize("layout", [name for name, each in LAYOUTS.items() if each.write_small])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int32])
def test_small_masks_are_written_as_large_ones(layout: str, dtype: type) -> None:
    rng = np.random.default_rng(0)
    rules = Dialect(layout=layout)
    for height, width in ((1, 1), (1, 9), (9, 1), (7, 5), (40, 30)):
        for most in (1, 2, 4):
            image_HW = rng.integers(0, most + 1, (height, width)).astype(dtype)
            alone = [encode_numbers(image_HW == k, 1, rules)[0] for k in range(1, 6)]
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(rle, "SMALL", 0)
                large = encode_numbers(image_HW, 5, rules)
            assert encode_numbers(image_HW, 5, rules) == large == alone
