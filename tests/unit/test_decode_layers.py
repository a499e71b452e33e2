"""Masks whose channels are classes that may overlap."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from raytrain.data.decode import decode_layers
from tests.image_files import OPAQUE, RGB, RNG, write_png

LAYERS = RNG.integers(0, 2, (7, 9, 3)).astype(bool)
SAVED = LAYERS.astype(np.uint8) * 255
FILES: dict[str, tuple[str, Callable[[Path], object], np.ndarray]] = {
    "npy": ("m.npy", lambda p: np.save(p, SAVED), LAYERS),
    "npy of bool": ("m.npy", lambda p: np.save(p, LAYERS), LAYERS),
    "npy of floats": ("m.npy", lambda p: np.save(p, LAYERS / np.float32(255)), LAYERS),
    "npy of two": ("m.npy", lambda p: np.save(p, SAVED[..., :2]), LAYERS[..., :2]),
    "png": ("m.png", lambda p: write_png(p, SAVED), LAYERS),
    "tiff": ("m.tif", lambda p: tifffile.imwrite(p, SAVED, photometric="rgb"), LAYERS),
    "tiff of five": (
        "m.tif",
        lambda p: tifffile.imwrite(
            p, np.dstack([SAVED, SAVED[..., :2]]), photometric="minisblack", planarconfig="contig"
        ),
        np.dstack([LAYERS, LAYERS[..., :2]]),
    ),
    "one layer": ("m.png", lambda p: write_png(p, SAVED[..., 0]), LAYERS[..., :1]),
    "one bit": ("m.png", lambda p: write_png(p, LAYERS[..., 0]), LAYERS[..., :1]),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_all_that_is_not_zero_belongs(kind: str, tmp_path: Path) -> None:
    name, write, expected = FILES[kind]
    write(tmp_path / name)
    found = decode_layers(tmp_path / name)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == bool


REFUSED: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "lossy": ("m.jpg", lambda p: write_png(p, SAVED), "a mask must not be JPEG"),
    "opaque alpha": (
        "m.png", lambda p: write_png(p, np.dstack([SAVED, OPAQUE])), r"alpha channel \(.* 0 px",
    ),
    "alpha": (
        "m.tif", lambda p: write_png(p, np.dstack([SAVED, OPAQUE * LAYERS[..., 0]])),
        rf"alpha channel \(which hides {(~LAYERS[..., 0]).sum()} px",
    ),
    "not finite": ("m.npy", lambda p: np.save(p, SAVED * np.nan), "189 values are not finite"),
    "flat": ("m.npy", lambda p: np.save(p, np.arange(5)), "height x width"),
    "none": ("m.npy", lambda p: np.save(p, np.zeros((4, 4, 0))), "height x width"),
    "channels first": (
        "m.npy", lambda p: np.save(p, np.moveaxis(SAVED, 2, 0)), "channels x height x width",
    ),
    "frames": (
        "m.gif",
        lambda p: Image.fromarray(RGB).save(
            p, save_all=True, append_images=[Image.fromarray(255 - RGB)]
        ),
        "2 pages or frames",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_layers_that_are_none(kind: str, tmp_path: Path) -> None:
    name, write, words = REFUSED[kind]
    write(tmp_path / name)
    with pytest.raises(ValueError, match=words) as caught:
        decode_layers(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
