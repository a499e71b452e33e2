"""Stacks: a row an image, mapped and never read whole."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from raytrain.config.competition import CompetitionSpec
from raytrain.config.formats import NumpyStacksSpec
from raytrain.data.cache import open_cache
from raytrain.data.checks import inspect
from raytrain.data.formats.numpy_stacks import read_stack_mask
from raytrain.data.report import DataReport
from raytrain.data.samples import read_image
from raytrain.data.stacks import stack_rows
from tests.format_files import CLASSES, found_in, write_numpy_stacks


def test_stacks_are_mapped_row_by_row(tmp_path: Path) -> None:
    write_numpy_stacks(tmp_path)
    image = read_image(tmp_path, ("trainimages.npy#1",))
    np.testing.assert_array_equal(image[..., 0], np.arange(24, 48).reshape(4, 6))
    assert image.dtype == np.int64


@pytest.mark.parametrize(
    ("file", "array", "words"),
    [
        (
            "trainlabels.npy",
            np.zeros((3, 4, 6), np.uint8),
            "holds 3 masks, but trainimages.npy holds 2",
        ),
        ("trainimages.npy", np.array([{}, {}]), "pickled objects"),
        ("valimages.npy", np.zeros((4, 6)), "a stack must be an array of numbers, N x H x W"),
        ("valimages.npy", np.zeros((1, 3, 8, 8)), "looks like N x channels x height x width"),
    ],
)
def test_stacks_that_are_none(tmp_path: Path, file: str, array: np.ndarray, words: str) -> None:
    write_numpy_stacks(tmp_path)
    np.save(tmp_path / file, array)
    problems = found_in(tmp_path, NumpyStacksSpec()).problems
    assert any(words in problem and file in problem for problem in problems)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (lambda m: m[..., None], ""),
        (lambda m: np.stack([m] * 3, -1), ""),
        (lambda m: m.astype(np.float32), ""),
        (lambda m: m * np.float32(0.5), "fractions or negative"),
        (lambda m: np.stack([m == 0, m > 0], -1).astype(np.float32), "target: multi_label"),
    ],
)
def test_masks_of_other_shapes_and_types(
    tmp_path: Path, shape: Callable[[np.ndarray], np.ndarray], words: str
) -> None:
    write_numpy_stacks(tmp_path)
    masks = np.load(tmp_path / "trainlabels.npy")
    np.save(tmp_path / "trainlabels.npy", shape(masks))
    one = partial(
        read_stack_mask, NumpyStacksSpec(), tmp_path, ("trainlabels.npy#0",), masks.shape[1:],
        CLASSES, "single_label",
    )  # fmt: skip
    if words:
        with pytest.raises(ValueError, match=words):
            one()
    else:
        np.testing.assert_array_equal(one(), masks[0])


def _report(root: Path) -> DataReport:
    return inspect(
        CompetitionSpec(
            name="c", data=str(root), format=NumpyStacksSpec(), classes=CLASSES,
            accept_leaks="drawn so",
        )
    )  # fmt: skip


def test_the_advice_for_a_channel_without_a_pixel_can_be_followed(tmp_path: Path) -> None:
    write_numpy_stacks(tmp_path)

    def checked(classes: tuple[str, ...]) -> DataReport:
        for split in ("train", "val"):
            masks = np.load(tmp_path / f"{split}labels.npy")
            number_N = masks.reshape(len(masks), masks.shape[1], masks.shape[2], -1)[..., 0] > 0
            layers = [number_N, number_N, number_N & False][: len(classes) - 1]
            np.save(tmp_path / f"{split}labels.npy", np.stack(layers, -1).astype(np.uint8))
        return inspect(
            CompetitionSpec(
                name="c", data=str(tmp_path), format=NumpyStacksSpec(), classes=classes,
                target="multi_label", accept_leaks="drawn so",
            )
        )  # fmt: skip

    with pytest.raises(ValueError, match=r"'c' \(3\): no mask .* save the masks without this ch"):
        checked(("bg", "a", "b", "c"))
    assert checked(("bg", "a", "b")).classes == ("bg", "a", "b")


def test_images_of_stacks_are_not_copied(tmp_path: Path, cache_root: Path) -> None:
    root = tmp_path / "data"
    write_numpy_stacks(root)
    report = _report(root)
    cache = open_cache(report)
    [folder] = cache_root.glob(report.fingerprint)
    assert {file.name for file in folder.iterdir()} == {"masks.npy", "used"}
    for row, sample in enumerate(report.samples["image"]):
        image = cache.image(row)
        np.testing.assert_array_equal(image, read_image(root, (sample,)))
        assert isinstance(image, np.memmap)
        assert not image.flags.writeable


def test_images_made_of_several_rows_do_not_stand_in_a_stack(tmp_path: Path) -> None:
    write_numpy_stacks(tmp_path)
    one, two = "trainimages.npy#0", "trainimages.npy#0\ntrainimages.npy#1"
    assert stack_rows(tmp_path, pd.Series([one])) is not None
    assert stack_rows(tmp_path, pd.Series([one, two])) is None


def test_numbers_in_the_other_byte_order_are_cached(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_numpy_stacks(root)
    for split in ("train", "val", "test"):
        images = np.load(root / f"{split}images.npy").astype(">i4")
        np.save(root / f"{split}images.npy", images)
    cache = open_cache(_report(root))
    assert cache.image(1).dtype == np.dtype("=i4")
    np.testing.assert_array_equal(cache.image(1)[..., 0], np.arange(24, 48).reshape(4, 6))
