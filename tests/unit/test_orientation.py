"""Orientation tags: images and masks stand as their own tag says, in every format that has one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from raytrain.data.decode import decode_image, decode_layers, decode_mask
from raytrain.data.second_opinion import decoder_disagreement
from tests.image_files import DEEP, GRAY, LABELS, PNG_RGB, exif_of, saved, write_deep_png

WRITERS: dict[str, Callable[[Path, np.ndarray, int], object]] = {
    ".png": lambda p, array, tag: Image.fromarray(array).save(p, exif=exif_of(tag)),
    ".tif": lambda p, array, tag: tifffile.imwrite(p, array, extratags=[(274, 3, 1, tag, True)]),
}


def _upright(array: np.ndarray, tag: int) -> np.ndarray:
    picture = Image.fromarray(array)
    return np.asarray(ImageOps.exif_transpose(_reopened(picture, tag)))


def _reopened(picture: Image.Image, tag: int) -> Image.Image:
    picture.getexif()[274] = tag
    return picture


@pytest.mark.parametrize("tag", [*range(1, 9), 0, 9])
@pytest.mark.parametrize("suffix", WRITERS)
def test_images_masks_and_layers_stand_as_their_tag_says(
    suffix: str, tag: int, tmp_path: Path
) -> None:
    image, mask = tmp_path / f"x{suffix}", tmp_path / f"m{suffix}"
    WRITERS[suffix](image, GRAY, tag)
    WRITERS[suffix](mask, LABELS, tag)
    np.testing.assert_array_equal(decode_image(image)[..., 0], _upright(GRAY, tag))
    np.testing.assert_array_equal(decode_mask(mask), _upright(LABELS, tag))
    np.testing.assert_array_equal(decode_layers(mask)[..., 0], _upright(LABELS, tag) > 0)


def test_a_turned_photo_stands_upright(tmp_path: Path) -> None:
    flat = np.zeros((16, 32, 3), np.uint8)
    flat[:, 16:] = 255
    Image.fromarray(flat).save(tmp_path / "x.jpg", exif=exif_of(6), quality=100)
    assert decode_image(tmp_path / "x.jpg").shape == (32, 16, 3)


def test_deep_colors_are_turned_too(tmp_path: Path) -> None:
    exif = saved(Image.new("L", (1, 1)), format="PNG", exif=exif_of(6))
    start = exif.index(b"eXIf")
    chunk = exif[start + 4 : start + 4 + int.from_bytes(exif[start - 4 : start])]
    write_deep_png(tmp_path / "x.png", DEEP, PNG_RGB, (b"eXIf", chunk))
    np.testing.assert_array_equal(decode_image(tmp_path / "x.png"), np.rot90(DEEP, -1))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_a_turned_picture_is_told_with_both_sizes(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    if suffix == ".tif":
        WRITERS[suffix](path, GRAY, 6)
    else:
        Image.fromarray(GRAY).save(path, exif=exif_of(6))
    assert decoder_disagreement(path) == (
        f"{path}: its orientation tag (6) turns it from 9x7 to 7x9 px; raytrain turns "
        "it, other tools may not"
    )
