"""Test-time augmentation: every view returns to where its window was, and means are exact."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from raytrain.config.framing import FramingSpec, PadSpec, ResizeSpec, TilesSpec, WholeSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.dataset import Scaling
from raytrain.data.framing import Frame
from raytrain.engine.predictor import Card, predicted
from raytrain.engine.views import (
    GROUPS,
    IDENTITY,
    SHIFT,
    Scale,
    Shift,
    View,
    group_problems,
    mean_over,
    views_of,
)
from tests.arrays import cache_of

PLANE = tuple(group for group in GROUPS if group != "turns")
EXACT = tuple(group for group in GROUPS if group != "scales")


def _grid(height: int, width: int) -> torch.Tensor:
    """Return each pixel's row and column, B2HW; the second window's are negative."""
    grid_HW2 = np.stack(np.mgrid[:height, :width], -1).astype(np.float32)
    return torch.from_numpy(np.stack([grid_HW2, -grid_HW2])).permute(0, 3, 1, 2)


def _columns(image_BCHW: torch.Tensor) -> torch.Tensor:
    """Return each pixel's column, whatever the image shows."""
    return _grid(*image_BCHW.shape[2:])[:1, 1:]


@pytest.mark.parametrize("group", EXACT)
@pytest.mark.parametrize(("height", "width"), [(19, 19), (16, 16), (17, 40), (33, 20)])
def test_every_view_comes_back_to_where_it_was(group: str, height: int, width: int) -> None:
    if group == "turns":
        width = height
    assert group_problems((group,), height, width) == []
    grid = _grid(height, width)
    moved = [view.apply(grid) for view in GROUPS[group]]
    assert all(not torch.equal(one, grid) for one in moved)
    assert torch.equal(mean_over(GROUPS[group], lambda image: image, grid), grid)
    assert torch.equal(mean_over(views_of((group,)), lambda image: image, grid), grid)
    if group != "shifts":
        for view, one in zip(GROUPS[group], moved, strict=True):
            assert torch.equal(view.undo(one, height, width), grid)


def _shifted(image_BCHW: np.ndarray, view: Shift) -> np.ndarray:
    around = ((0, 0), (0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT))
    padded = np.pad(image_BCHW, around, "reflect")
    top, left = SHIFT - SHIFT * view.down, SHIFT - SHIFT * view.right
    height, width = image_BCHW.shape[2:]
    return padded[:, :, top : top + height, left : left + width]


REFERENCE: dict[str, list[Callable[[np.ndarray], np.ndarray]]] = {
    "hflip": [lambda image: image[..., ::-1]],
    "vflip": [lambda image: image[..., ::-1, :]],
    "turns": [lambda image, k=k: np.rot90(image, k, (2, 3)) for k in (1, 2, 3)],  # type: ignore[misc]
    "shifts": [
        lambda image, view=view: _shifted(image, view)  # type: ignore[misc]
        for view in GROUPS["shifts"]
    ],
}


@pytest.mark.parametrize("group", EXACT)
def test_the_network_sees_what_numpy_makes(group: str) -> None:
    image = torch.from_numpy(np.random.default_rng(0).random((2, 3, 21, 21), np.float32))
    for view, expected in zip(GROUPS[group], REFERENCE[group], strict=True):
        np.testing.assert_array_equal(view.apply(image).numpy(), expected(image.numpy()))


@pytest.mark.parametrize("view", GROUPS["shifts"])
def test_a_pixel_counts_only_in_the_shifts_that_see_it(view: Shift) -> None:
    ones = torch.ones(1, 1, 20, 30)
    # Rows and columns: seen by this direction alone (2), by both (1), by the opposite one (0).
    rows, columns = ([2] * 8 + [1] * (side - 16) + [0] * 8 for side in (20, 30))
    expected = np.outer(rows[:: view.down], columns[:: view.right])
    np.testing.assert_array_equal(view.undo(ones, 20, 30)[0, 0].numpy(), expected)


@pytest.mark.parametrize(("group", "expected"), [
    ("hflip", [8.5] * 18),
    ("vflip", list(range(18))),
    # A quarter turn and its opposite give rows that run against each other.
    ("turns", [(17 - j + 17) / 3 for j in range(18)]),
    ("shifts", [*(j + 8 for j in range(8)), 8, 9, *(j - 8 for j in range(10, 18))]),
])  # fmt: skip
def test_means_of_a_network_that_sees_only_places(group: str, expected: list[float]) -> None:
    found = mean_over(GROUPS[group], _columns, torch.zeros(1, 1, 18, 18))
    if group == "hflip":
        found = (found + _columns(found)) / 2
    np.testing.assert_allclose(found[0, 0].numpy(), np.tile(expected, (18, 1)), rtol=1e-6)


@pytest.mark.parametrize(("factor", "size", "expected"), [
    (0.8, (96, 128), (64, 96)), (1.2, (96, 128), (128, 160)),
    (0.8, (33, 300), (32, 256)), (1.2, (33, 300), (32, 352)),
    (0.8, (8, 40), (32, 32)), (1.2, (8, 40), (32, 64)),
])  # fmt: skip
def test_scaled_sides_are_multiples(
    factor: float, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert tuple(Scale(factor).apply(torch.zeros(1, 2, *size)).shape[2:]) == expected


@pytest.mark.parametrize("view", GROUPS["scales"])
@pytest.mark.parametrize(("height", "width"), [(96, 128), (75, 161)])
def test_a_scaled_ramp_comes_back_inside(view: Scale, height: int, width: int) -> None:
    grid = _grid(height, width)
    back = view.undo(view.apply(grid), height, width)
    assert back.shape == grid.shape
    inside = (..., slice(3, -3), slice(3, -3))
    torch.testing.assert_close(back[inside], grid[inside], atol=1e-3, rtol=0)
    # Interpolation repeats the border, so a ramp is flat there, for a pixel of the smaller size.
    assert (back - grid).abs().max() < 1


FRAMINGS: list[FramingSpec] = [
    WholeSpec(), PadSpec(multiple=16), ResizeSpec(height=48, width=48),
    TilesSpec(height=24, width=24, overlap=0.5),
]  # fmt: skip


class Pointwise(nn.Module):
    """A 1x1 convolution, which flips and turns commute with; or a 3x3 one, which they do not."""

    def __init__(self, kernel: int):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(2, 3, kernel, padding=kernel // 2)

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        return self.conv(image_BCHW)


SCALING = Scaling((127.0, 100.0), (60.0, 70.0), False)


def _images(sizes: list[tuple[int, int]]) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (*size, 2)).astype(np.uint8) for size in sizes]


def _maps(framing: FramingSpec, kernel: int, views: tuple[View, ...]) -> list[np.ndarray]:
    """Return the maps of three images of one size, or of three sizes."""
    sizes = [(40, 40)] * 3 if framing.name == "whole" else [(40, 40), (25, 61), (70, 33)]
    images = _images(sizes)
    cache = cache_of(images, [image[..., 0] for image in images])
    spec = TrialSpec(framing=framing, batch_size=2)
    frame = Frame(framing, cache.largest)
    card = Card(
        spec, SCALING, "single_label", ("bg", "a", "b"), 2, "uint8", (frame.height, frame.width)
    )
    network = Pointwise(kernel).eval()
    return [prob.numpy() for prob in predicted(network, card, cache, np.arange(3), frame, views)]


def test_the_identity_alone_gives_the_networks_own_bits() -> None:
    image_BHWC = np.stack(_images([(40, 40)] * 3))
    network = Pointwise(3).eval()
    with torch.inference_mode():
        batches = [network(SCALING.apply(part)).softmax(1) for part in np.split(image_BHWC, [2])]
    expected = torch.cat(batches).numpy()
    np.testing.assert_array_equal(_maps(WholeSpec(), 3, (IDENTITY,)), expected)


@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda framing: framing.name)
@pytest.mark.parametrize("group", EXACT)
def test_a_network_without_neighbors_sees_no_difference(framing: FramingSpec, group: str) -> None:
    if group == "turns" and framing.name == "pad":
        framing = ResizeSpec(height=32, width=32)
    plain, viewed = (_maps(framing, 1, views) for views in ((IDENTITY,), views_of((group,))))
    for one, other in zip(plain, viewed, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-6)


@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda framing: framing.name)
def test_means_of_groups_combine_exactly(framing: FramingSpec) -> None:
    groups = PLANE if framing.name == "pad" else tuple(GROUPS)
    views = views_of(groups)
    plain = _maps(framing, 3, (IDENTITY,))
    alone = [_maps(framing, 3, GROUPS[group]) for group in groups]
    for number, found in enumerate(_maps(framing, 3, views)):
        shares = [
            len(GROUPS[group]) * maps[number] for group, maps in zip(groups, alone, strict=True)
        ]
        expected = (plain[number] + sum(shares)) / len(views)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        np.testing.assert_allclose(found.sum(0), 1, rtol=1e-5)
        assert np.abs(found - plain[number]).max() > 1e-3
