"""Framing: what the network sees of an image, and how its maps return to the image's size."""

import weakref
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import torch

from raytrain.config.framing import FramingSpec, PadSpec, ResizeSpec, TilesSpec, WholeSpec
from raytrain.data.framing import Frame, Windows, joined
from tests.arrays import cache_of

SIZES = [(40, 56), (17, 90), (64, 64), (5, 3), (33, 20)]
FRAMINGS: list[FramingSpec] = [
    ResizeSpec(height=24, width=32),
    PadSpec(multiple=16),
    TilesSpec(height=16, width=24, overlap=0.5),
    TilesSpec(height=64, width=96, overlap=0),
    TilesSpec(height=8, width=8, overlap=0.9),
]


def _cache(sizes: list[tuple[int, int]] = SIZES):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 2)).astype(np.uint8) for size in sizes]
    masks = [
        np.kron(rng.integers(0, 3, (h, w)), np.ones((1, 1))).astype(np.uint8) for h, w in sizes
    ]
    return cache_of(images, masks)


def _windows(spec: FramingSpec, cache) -> tuple[Frame, Windows]:
    frame = Frame(spec, cache.largest)
    return frame, frame.windows(cache, np.arange(len(cache.height)))


@pytest.mark.parametrize("spec", FRAMINGS, ids=str)
def test_windows_have_the_size_of_the_network_and_masks_no_new_values(spec: FramingSpec) -> None:
    cache = _cache()
    frame, windows = _windows(spec, cache)
    assert sorted(set(windows.row_N.tolist())) == list(range(len(SIZES)))
    for row, top, left in zip(windows.row_N, windows.top_N, windows.left_N, strict=True):
        image = frame.cut(cache.image(row), top, left)
        mask = frame.cut(cache.mask(row), top, left)
        assert image.shape == (frame.height, frame.width, 2)
        assert mask.shape == (frame.height, frame.width)
        assert (image.dtype, mask.dtype) == (np.uint8, np.uint8)
        assert set(np.unique(mask)) <= set(np.unique(cache.mask(row)))
        image += 1  # a window is an array of its own: the cache stays as it is
    np.testing.assert_array_equal(cache.pixels, _cache().pixels)


def _one_hot(cache, frame: Frame, windows: Windows) -> torch.Tensor:
    """What a network gives that is always right: prob_N3HW."""
    masks = [
        frame.cut(cache.mask(row), top, left)
        for row, top, left in zip(windows.row_N, windows.top_N, windows.left_N, strict=True)
    ]
    return torch.from_numpy(np.eye(3, dtype=np.float32)[np.stack(masks)]).permute(0, 3, 1, 2)


def _maps(
    frame: Frame, prob_NKHW: torch.Tensor, windows: Windows, cache, batch_size: int = 5
) -> Iterator[tuple[int, torch.Tensor]]:
    batches = iter(prob_NKHW.split(batch_size))
    return joined(frame.strips(batches, windows, cache), cache)


@pytest.mark.parametrize("spec", [spec for spec in FRAMINGS if spec.name != "resize"], ids=str)
def test_right_windows_give_back_every_mask(spec: FramingSpec) -> None:
    cache = _cache()
    frame, windows = _windows(spec, cache)
    found = dict(_maps(frame, _one_hot(cache, frame, windows), windows, cache))
    assert list(found) == list(range(len(SIZES)))
    for row, prob_KHW in found.items():
        np.testing.assert_array_equal(prob_KHW.argmax(0), cache.mask(row))
        np.testing.assert_allclose(prob_KHW.sum(0), 1, rtol=1e-5)


def test_a_resized_map_returns_to_where_it_was() -> None:
    # Blocks of 8x8 px resized by 3/2 and 1/2: only block borders may move, by less than a pixel.
    labels = np.random.default_rng(1).integers(0, 3, (6, 8))
    mask = np.kron(labels, np.ones((8, 8), int)).astype(np.uint8)
    cache = cache_of([np.zeros((*mask.shape, 1), np.uint8)], [mask])
    inside = cv2.erode((np.kron(np.ones((6, 8)), np.pad(np.ones((6, 6)), 1))), np.ones((1, 1))) > 0
    for height, width in ((72, 96), (24, 32), (48, 64)):
        frame, windows = _windows(ResizeSpec(height=height, width=width), cache)
        ((_, prob_KHW),) = _maps(frame, _one_hot(cache, frame, windows), windows, cache)
        assert (prob_KHW.argmax(0).numpy() == mask)[inside].all(), (height, width)


def test_whole_is_the_image_itself() -> None:
    cache = _cache([(6, 9)] * 3)
    frame, windows = _windows(WholeSpec(), cache)
    assert (frame.height, frame.width) == (6, 9)
    np.testing.assert_array_equal(frame.cut(cache.image(2), 0, 0), cache.image(2))
    prob = torch.rand(3, 4, 6, 9)
    for (row, found), expected in zip(_maps(frame, prob, windows, cache), prob, strict=True):
        assert torch.equal(found, expected), row


def test_padding_mirrors_right_and_below_to_the_largest_image() -> None:
    cache = _cache([(3, 4), (9, 5)])
    frame, _ = _windows(PadSpec(multiple=4), cache)
    assert (frame.height, frame.width) == (12, 8)
    expected = np.pad(cache.mask(0), ((0, 9), (0, 4)), "symmetric")
    np.testing.assert_array_equal(frame.cut(cache.mask(0), 0, 0), expected)


@pytest.mark.parametrize(("length", "tile", "overlap", "starts"), [
    (10, 10, 0.0, [0]), (4, 10, 0.5, [0]), (20, 10, 0.0, [0, 10]), (21, 10, 0.0, [0, 6, 11]),
    (20, 10, 0.5, [0, 5, 10]), (11, 10, 0.9, [0, 1]),
])  # fmt: skip
def test_where_tiles_begin(length: int, tile: int, overlap: float, starts: list[int]) -> None:
    cache = _cache([(length, tile)])
    frame = Frame(
        TilesSpec(height=max(tile, 8), width=max(tile, 8), overlap=overlap), (length, tile)
    )
    assert frame.windows(cache, np.array([0])).top_N.tolist() == starts


def test_the_middle_of_a_tile_weighs_more_than_its_border() -> None:
    # Two tiles of 8 overlap on half: at the second one's border the first one's word counts.
    cache = _cache([(8, 12)])
    frame, windows = _windows(TilesSpec(height=8, width=8, overlap=0.5), cache)
    assert windows.left_N.tolist() == [0, 4]
    prob = torch.stack([torch.zeros(1, 8, 8), torch.ones(1, 8, 8)])
    ((_, found),) = _maps(frame, prob, windows, cache)
    row = found[0, 4]
    assert (row[:4] == 0).all()
    assert (row[8:] == 1).all()
    assert row[4] < 0.2 < 0.8 < row[7]
    torch.testing.assert_close(row[4:8] + row[4:8].flip(0), torch.ones(4))


def _blended_at_once(
    frame: Frame, prob_NKHW: torch.Tensor, windows: Windows, height: int, width: int
) -> torch.Tensor:
    """Return the map of one sample: all windows are added to sums of the whole sample."""
    sides = [
        torch.exp(-0.5 * ((torch.arange(side) - (side - 1) / 2) / (side / 8)) ** 2)
        for side in (frame.height, frame.width)
    ]
    weight_HW = torch.outer(*sides).clamp_min(1e-4)
    total_KHW, weights_HW = torch.zeros(3, height, width), torch.zeros(height, width)
    for prob_KHW, top, left in zip(prob_NKHW, windows.top_N, windows.left_N, strict=True):
        down, across = min(frame.height, height - top), min(frame.width, width - left)
        place = (..., slice(top, top + down), slice(left, left + across))
        total_KHW[place] += (prob_KHW * weight_HW)[:, :down, :across]
        weights_HW[place] += weight_HW[:down, :across]
    return total_KHW / weights_HW


@pytest.mark.parametrize("spec", [spec for spec in FRAMINGS if spec.name == "tiles"], ids=str)
@pytest.mark.parametrize("batch_size", [1, 3, 1000])
def test_strips_have_the_bits_of_sums_of_the_whole_sample(
    spec: FramingSpec, batch_size: int
) -> None:
    for size in SIZES:
        cache = _cache([size])
        frame, windows = _windows(spec, cache)
        prob = torch.rand(len(windows.row_N), 3, frame.height, frame.width)
        ((_, found),) = _maps(frame, prob, windows, cache, batch_size)
        assert torch.equal(found, _blended_at_once(frame, prob, windows, *size)), size


def test_a_strip_comes_as_soon_as_its_tiles_are_there() -> None:
    # Tiles of 16 begin at rows 0, 8, 16 and 24, three in a row: a batch each.
    cache = _cache([(40, 32)])
    frame, windows = _windows(TilesSpec(height=16, width=16, overlap=0.5), cache)
    assert windows.top_N.tolist() == [0, 0, 0, 8, 8, 8, 16, 16, 16, 24, 24, 24]
    made: list[weakref.ref[torch.Tensor]] = []

    def batches() -> Iterator[torch.Tensor]:
        for _ in range(4):
            prob_BKHW = torch.rand(3, 2, 16, 16)
            made.append(weakref.ref(prob_BKHW))
            yield prob_BKHW
            del prob_BKHW

    seen = []
    for _, strip_KhW in frame.strips(batches(), windows, cache):
        alive = sum(batch() is not None for batch in made)
        seen.append((strip_KhW.shape[1], len(made), alive))
    assert seen == [(8, 2, 1), (8, 3, 1), (8, 4, 1), (16, 4, 1)]
