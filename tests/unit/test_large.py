"""Large images take few bytes a pixel to examine, to decode and to draw."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from raytrain.config.formats import ClassLabelsSpec, PairedFoldersSpec
from raytrain.config.splits import FolderSplitsSpec
from raytrain.data import threads
from raytrain.data.cache import open_cache
from raytrain.data.checks import inspect
from raytrain.data.contact_sheet import cell
from raytrain.data.formats.paired_folders import read_paired_mask
from raytrain.data.index import Found
from raytrain.data.labels import class_pixels, merged, stacked
from raytrain.data.mask_values import as_classes
from raytrain.data.seen import see
from raytrain.runs.arrays import new_array, write_part

LARGE = 3000


def _bytes_a_pixel(work: Callable[[], Any], pixels: int) -> float:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / pixels
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_a_sample_is_read_in_few_bytes_a_pixel(tmp_path: Path, competition) -> None:
    """Image and mask take one byte each; the sums of which quantiles are taken take two."""
    image = np.tile(np.arange(LARGE) % 251, (LARGE, 1)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "image.tif", image)
    Image.fromarray(image // 100).save(tmp_path / "mask.png", compress_level=1)
    sample = Found("a", "train", ("image.tif",), ("mask.png",), "")
    spec = competition.spec("N")
    assert _bytes_a_pixel(lambda: see(spec, tmp_path, sample, "a"), LARGE**2) < 5.5


def test_masks_stay_small(tmp_path: Path) -> None:
    mask, shape = np.eye(2000, dtype=np.uint8), (2000, 2000)
    layers_HWC = np.repeat(mask[..., None], 3, axis=2)
    spec = ClassLabelsSpec()
    for limit, work in (
        (2.5, lambda: as_classes(mask, spec, ("a", "b", "c"), "here", tmp_path)),
        (1.5, lambda: class_pixels(mask, 3, "single_label")),
        (1.5, lambda: class_pixels(mask, 4, "multi_label")),
        (4, lambda: stacked(layers_HWC, 4, "here")),
        (7, lambda: merged(((k % 2 + 1, np.zeros(shape, bool), "x") for k in range(30)),
                           "single_label")),
    ):  # fmt: skip
        assert _bytes_a_pixel(work, mask.size) < limit


def test_many_objects_are_one_mask_at_a_time(tmp_path: Path) -> None:
    shape, names = (500, 500), [f"a_{number}.png" for number in range(20)]
    for number, name in enumerate(names):
        layer = np.zeros(shape, np.uint8)
        layer[number] = 255
        Image.fromarray(layer).save(tmp_path / name)
    spec, classes = PairedFoldersSpec(image="{name}.tif", mask="{name}_{object}.png"), ("a", "b")
    found = read_paired_mask(spec, tmp_path, tuple(names), shape, classes, "single_label")
    assert (found.sum(), found[:20].min()) == (20 * 500, 1)

    def read() -> None:
        read_paired_mask(spec, tmp_path, tuple(names), shape, classes, "single_label")

    assert _bytes_a_pixel(read, 500 * 500) < 10


def test_a_picture_of_the_contact_sheet_takes_few_bytes_a_pixel() -> None:
    image, mask = np.zeros((2000, 2000, 1), np.uint8), np.zeros((2000, 2000), np.uint8)
    image[:300] = 9
    assert _bytes_a_pixel(lambda: cell(image, mask, 9, "single_label"), mask.size) < 5.5


def test_the_cache_decodes_one_large_image_at_a_time(
    competition, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = 1000
    mask = np.eye(side, dtype=np.uint8) * 2
    mask[:, 7] = 1
    for number in range(1, 4):
        image = np.full((side, side), number, np.uint8)
        competition.add("train", f"cmr{number}", image, mask)
    splits = FolderSplitsSpec(val=None, test=None)
    report = inspect(competition.spec("N").model_copy(update={"splits": splits}))
    monkeypatch.setattr(threads, "AT_ONCE", side**2)
    assert _bytes_a_pixel(lambda: open_cache(report), side**2) < 7
    cache = open_cache(report)
    assert [int(cache.image(row).max()) for row in range(3)] == [1, 2, 3]
    assert all((cache.mask(row) == mask).all() for row in range(3))


def test_a_part_is_written_in_the_type_of_the_array(tmp_path: Path) -> None:
    array = new_array(tmp_path / "a.npy", np.uint16, 6)
    write_part(array, 2, np.array([7, 300]))
    assert np.load(tmp_path / "a.npy").tolist() == array.tolist() == [0, 0, 7, 300, 0, 0]
