"""Batches: a row is the same in any batch, process and type."""

import copy
from collections import Counter

import numpy as np
import pytest
import torch

from raytrain.config.augmentation import OneOfSpec
from raytrain.config.augmentation.gray import GaussNoiseSpec
from raytrain.config.augmentation.spatial import RotateSpec
from raytrain.config.framing import PadSpec, ResizeSpec, TilesSpec, WholeSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.augment import PRESETS
from raytrain.data.cache import Cache
from raytrain.data.dataset import (
    Batch,
    Scaling,
    SliceDataset,
    train_loader,
    units,
)
from raytrain.data.epoch_plan import BatchPlan
from raytrain.data.framing import Frame
from tests.arrays import cache_of

IMAGES = 11
PLAIN = Scaling((0.0,), (1.0,), per_image=False)
ROWS = np.arange(2, IMAGES)
ANY_SIZE = [
    name for name in PRESETS if name not in ("system_b", "system_b_rotate90", "system_b_mix")
]


@pytest.fixture(scope="module")
def cache() -> Cache:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (IMAGES, 20, 24, 1)).astype(np.uint8)
    masks = np.repeat(np.repeat(rng.integers(0, 4, (IMAGES, 5, 6)), 4, 1), 4, 2).astype(np.uint8)
    return cache_of(images, masks)


def _made(cache: Cache, preset: str, seed: int, epoch: int, rows: list[int]) -> Batch:
    frame = Frame(WholeSpec(), cache.largest)
    windows = frame.windows(cache, np.array(rows))
    dataset = SliceDataset(cache, frame, windows, PLAIN, preset, 0, seed)
    return dataset[BatchPlan(epoch, np.arange(len(rows)), len(rows), len(rows))]


@pytest.mark.parametrize("preset", ANY_SIZE)
def test_a_sample_is_the_same_in_any_company(cache: Cache, preset: str) -> None:
    together = _made(cache, preset, seed=5, epoch=3, rows=[4, 1, 7, 9])
    for order in ([9, 4], [7], [1, 3, 9, 7, 4]):
        other = _made(cache, preset, seed=5, epoch=3, rows=order)
        for place, row in enumerate(order):
            if row in together.rows:
                same = together.rows.tolist().index(row)
                assert torch.equal(other.image_BCHW[place], together.image_BCHW[same])
                assert torch.equal(other.target_BHW[place], together.target_BHW[same])


ALWAYS_ALIKE = ("none", "system_b_horizontal_flip", "system_b_vertical_flip")


@pytest.mark.parametrize("preset", [preset for preset in ANY_SIZE if preset not in ALWAYS_ALIKE])
def test_epoch_and_seed_change_what_is_seen(cache: Cache, preset: str) -> None:
    rows = list(range(IMAGES))
    first = _made(cache, preset, seed=5, epoch=3, rows=rows).image_BCHW
    plain = _made(cache, "none", seed=5, epoch=3, rows=rows).image_BCHW
    for seed, epoch in ((5, 4), (6, 3)):
        other = _made(cache, preset, seed=seed, epoch=epoch, rows=rows).image_BCHW
        changed = (other != first).flatten(1).any(1)
        # Half of the images are flipped otherwise; a shift happens in one of five.
        assert changed.float().mean() > (0.05 if preset == "system_b_shift" else 0.25)
    assert (first != plain).any()


def test_rows_and_the_transforms_of_a_preset_decide_independently(cache: Cache) -> None:
    # Two flips by chance give four outcomes alike; one shared draw would give but two.
    twins = cache_of([cache.image(0)] * 64, [cache.mask(0)] * 64)
    moved = _made(twins, "flips", seed=5, epoch=3, rows=list(range(64))).target_BHW
    counts = Counter(target.numpy().tobytes() for target in moved)
    mask = cache.mask(0)
    outcomes = [mask, mask[::-1], mask[:, ::-1], mask[::-1, ::-1]]
    found = [counts[np.ascontiguousarray(outcome).tobytes()] for outcome in outcomes]
    assert sum(found) == 64
    assert min(found) >= 6


@pytest.mark.parametrize("world", [1, 2])
def test_loader_processes_change_nothing(cache: Cache, world: int) -> None:
    choice = OneOfSpec(transforms=(GaussNoiseSpec(), RotateSpec()), p=0.8)
    spec = TrialSpec(batch_size=4, augmentation=("slices", choice), seed=7)
    runs = []
    for loaders in (0, 2):
        loader, plan = train_loader(cache, ROWS, PLAIN, spec, world - 1, world, loaders)
        batches = []
        for epoch in (1, 2):
            plan.epoch = epoch
            batches += list(loader)
        runs.append(batches)
    assert len(runs[0]) == len(runs[1]) == 2 * 3
    for ours, theirs in zip(*runs, strict=True):
        np.testing.assert_array_equal(ours.rows, theirs.rows)
        assert torch.equal(ours.image_BCHW, theirs.image_BCHW)
        assert torch.equal(ours.target_BHW, theirs.target_BHW)
        assert (ours.counted, ours.global_size) == (theirs.counted, theirs.global_size)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", [torch.uint8, torch.uint16, torch.int64])
def test_a_batch_passes_to_another_process_as_one_tensor(channels: int, kind: torch.dtype) -> None:
    image_BCHW = torch.randn(2, 5, 7, channels).permute(0, 3, 1, 2)
    first, second = (torch.randint(0, 200, (2, 5, 7)).to(kind) for _ in range(2))
    batch = Batch(image_BCHW, first, np.arange(2), 2, 4, second, 0.25)
    rest, (whole, layout) = batch.__getstate__()
    assert not any(isinstance(value, torch.Tensor) for value in rest.values())
    found = copy.copy(batch)
    assert found.image_BCHW.untyped_storage().data_ptr() != image_BCHW.untyped_storage().data_ptr()
    assert found.image_BCHW.untyped_storage().data_ptr() == (
        found.target_BHW.untyped_storage().data_ptr()
    )
    for name in layout:
        ours, theirs = getattr(batch, name), getattr(found, name)
        assert torch.equal(ours, theirs)
        # A network's arithmetic depends on where its input's channels lie.
        assert (ours.dtype, ours.stride()) == (theirs.dtype, theirs.stride())
    assert (found.counted, found.global_size, found.share) == (2, 4, 0.25)
    assert whole.nbytes < image_BCHW.nbytes + 2 * first.nbytes + 3 * 16


def test_a_batch_has_the_shapes_and_types_of_a_step(cache: Cache) -> None:
    before = cache.pixels.copy()
    batch = _made(cache, "slices", seed=0, epoch=1, rows=[3, 3, 8])
    assert batch.image_BCHW.shape == (3, 1, 20, 24)
    assert batch.image_BCHW.dtype == torch.float32
    assert batch.target_BHW.shape == (3, 20, 24)
    assert batch.target_BHW.dtype == torch.uint8
    np.testing.assert_array_equal(cache.pixels, before)


@pytest.mark.parametrize(("dtype", "top"), [("uint8", 255), ("uint16", 40000), ("float32", 900)])
@pytest.mark.parametrize("preset", ANY_SIZE)
def test_images_of_any_depth_can_be_augmented(preset: str, dtype: str, top: int) -> None:
    rng = np.random.default_rng(0)
    images = (rng.random((40, 16, 18, 3)) * top).astype(dtype)
    cache = cache_of(images, np.zeros((40, 16, 18), np.uint8))
    found = _made(cache, preset, seed=1, epoch=1, rows=list(range(40))).image_BCHW
    assert found.shape == (40, 3, 16, 18)
    assert found.dtype == torch.float32
    # Changes of gray values are mild: no image turns black or burns out.
    means = found.mean((1, 2, 3)).numpy()
    assert (means > 0.25 * top / 2).all()
    assert (means < 1.75 * top / 2).all()


@pytest.mark.parametrize("batch_size", [1, 4, 50])
def test_units_are_the_rows_as_they_are(cache: Cache, batch_size: int) -> None:
    rows = np.array([9, 2, 5, 0, 1])
    found = list(units(cache, Frame(WholeSpec(), cache.largest), rows, PLAIN, batch_size))
    np.testing.assert_array_equal(np.concatenate([unit.rows for unit in found]), rows)
    batches = [batch for unit in found for batch in unit.batches]
    assert len(batches) == len(found)
    assert [len(b.rows) for b in batches] == {1: [1] * 5, 4: [4, 1], 50: [5]}[batch_size]
    assert all(b.counted == b.global_size == len(b.rows) for b in batches)
    np.testing.assert_array_equal(np.concatenate([b.rows for b in batches]), rows)
    targets = torch.cat([b.target_BHW for b in batches]).numpy()
    np.testing.assert_array_equal(targets, [cache.mask(row) for row in rows])
    images = torch.cat([b.image_BCHW for b in batches]).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(images, [cache.image(row) for row in rows], rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("per_image", [False, True])
def test_scaling_is_numpys(dtype: type, per_image: bool) -> None:
    image = (np.random.default_rng(1).random((3, 8, 6, 2)) * 200 + [[0, 40]]).astype(dtype)
    mean, std = (70.0, 110.0), (20.0, 45.0)
    found = Scaling(mean, std, per_image).apply(image)
    wide = image.astype(np.float64)
    if per_image:
        expected = (wide - wide.mean((1, 2), keepdims=True)) / wide.std((1, 2), keepdims=True)
    else:
        expected = (wide - mean) / std
    assert found.shape == (3, 2, 8, 6)
    assert found.dtype == torch.float32
    assert found.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(found.permute(0, 2, 3, 1).numpy(), expected, atol=2e-5)


def test_an_image_of_one_color_scales_to_zero() -> None:
    flat = np.full((1, 4, 4, 1), 200, np.uint8)
    assert Scaling((5.0,), (1.0,), per_image=True).apply(flat).abs().max() == 0
    assert Scaling((200.0,), (0.0,), per_image=False).apply(flat).abs().max() == 0


def test_copies_stand_beside_the_plain_images_and_stay_the_same(cache: Cache) -> None:
    spec = TrialSpec(batch_size=5, augmentation="slices", copies=2, seed=7)
    loader, plan = train_loader(cache, ROWS, PLAIN, spec, 0, 1, 0)
    epochs = []
    for epoch in (1, 2):
        plan.epoch = epoch
        numbers = np.concatenate([part.windows for part in plan])
        assert sorted(numbers) == list(range(3 * len(ROWS)))
        images = torch.cat([batch.image_BCHW for batch in loader])
        rows = np.concatenate([batch.rows for batch in loader])
        np.testing.assert_array_equal(rows, ROWS[numbers % len(ROWS)])
        epochs.append(dict(zip(numbers.tolist(), images, strict=True)))
    for number in range(3 * len(ROWS)):
        assert torch.equal(epochs[0][number], epochs[1][number])
    for number, row in enumerate(ROWS):
        plain = torch.from_numpy(np.array(cache.image(row))).permute(2, 0, 1).float()
        copies = [epochs[0][number + k * len(ROWS)] for k in range(3)]
        torch.testing.assert_close(copies[0], plain, atol=1e-3, rtol=1e-4)
        assert (copies[1] - plain).abs().max() > 1
        assert (copies[1] - copies[2]).abs().max() > 1


DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16",
    "float32", "float64",
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
def test_images_of_every_type_become_the_same_batches(dtype: str) -> None:
    """As float32 copies of them do, through each framing, with and without augmentation."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2 if dtype == "bool" else 100, (3, 20, 24, 1))
    masks = rng.integers(0, 4, (3, 20, 24)).astype(np.uint8)
    for framing in (
        WholeSpec(), PadSpec(multiple=16), ResizeSpec(height=12, width=30),
        ResizeSpec(height=32, width=32), TilesSpec(height=16, width=16),
    ):  # fmt: skip
        for augmentation in ((), "slices"):
            batches = []
            for images in (values.astype(dtype), values.astype(np.float32)):
                data = cache_of(images, masks)
                frame = Frame(framing, data.largest)
                windows = frame.windows(data, np.arange(3))
                dataset = SliceDataset(data, frame, windows, PLAIN, augmentation, 0, 0)
                plan = BatchPlan(1, np.arange(3), 3, 3)
                batches.append(dataset[plan])
            image, same = (batch.image_BCHW for batch in batches)
            assert image.dtype == torch.float32
            # OpenCV rounds what it resizes in whole numbers; albumentations works on bytes as such.
            most = 1.01 if dtype in ("uint8", "uint16", "int16") else 1e-3
            if dtype != "uint8" or not augmentation:
                torch.testing.assert_close(image, same, rtol=0, atol=most)
            torch.testing.assert_close(batches[0].target_BHW, batches[1].target_BHW)
