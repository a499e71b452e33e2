"""Decoding images: what a file holds, of real files of every kind."""

import logging
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from raytrain.data.decode import decode_image, decode_mask
from raytrain.data.header import declared_values
from raytrain.data.pillow import without_limit
from raytrain.data.second_opinion import decoder_disagreement
from tests.image_files import GRAY, IMAGES, LABELS, RGB, RNG, write_dicom


@pytest.mark.parametrize("kind", IMAGES)
def test_an_image_is_what_was_saved(kind: str, tmp_path: Path) -> None:
    name, write, expected = IMAGES[kind]
    write(tmp_path / name)
    found = decode_image(tmp_path / name)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype
    assert found.dtype.isnative


@pytest.mark.filterwarnings("error")
def test_a_palette_gives_colors_to_images_and_indices_to_masks(tmp_path: Path) -> None:
    picture = Image.fromarray(LABELS, "P")
    picture.putpalette([9, 8, 7, 200, 100, 50, 1, 2, 3])
    colors = np.array([[9, 8, 7], [200, 100, 50], [1, 2, 3]])
    for name in ("p.png", "p.tif"):
        picture.save(tmp_path / name)
        np.testing.assert_array_equal(decode_image(tmp_path / name), colors[LABELS])
        np.testing.assert_array_equal(decode_mask(tmp_path / name), LABELS)


@pytest.mark.parametrize("clear", [1, b"\xff\x80"])
def test_a_palette_may_hide_pixels_of_an_image(clear: int | bytes, tmp_path: Path) -> None:
    picture = Image.fromarray(LABELS, "P")
    picture.putpalette([9, 8, 7, 200, 100, 50, 1, 2, 3])
    picture.save(tmp_path / "p.png", transparency=clear)
    with pytest.raises(ValueError, match=f"hides {(LABELS == 1).sum()} px"):
        decode_image(tmp_path / "p.png")
    np.testing.assert_array_equal(decode_mask(tmp_path / "p.png"), LABELS)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("last", ["values", "zeros"])
def test_a_fourth_band_is_a_channel_though_the_writer_declares_alpha(
    last: str, dtype: type[np.generic], tmp_path: Path
) -> None:
    bands = np.dstack([RGB, GRAY if last == "values" else 0 * GRAY]).astype(dtype)
    tifffile.imwrite(tmp_path / "x.tif", bands, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(decode_image(tmp_path / "x.tif"), bands)


def test_copies_of_a_tiff_in_smaller_sizes_do_not_count(tmp_path: Path) -> None:
    big = RNG.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    for name, levels in {"first": (1, 2, 4), "last": (4, 2, 1)}.items():
        with tifffile.TiffWriter(tmp_path / f"{name}.tif") as file:
            for step in levels:
                file.write(big[::step, ::step], photometric="rgb", subfiletype=int(step > 1))
        np.testing.assert_array_equal(decode_image(tmp_path / f"{name}.tif"), big)


def test_the_slices_of_an_inverted_series_keep_one_scale(tmp_path: Path) -> None:
    for number, (top, signed) in enumerate([(4095, 0), (900, 0), (900, 1)]):
        stored = np.linspace(0, top, 63).reshape(7, 9).astype(np.int16 if signed else np.uint16)
        fields = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": signed}
        path = tmp_path / str(number)
        write_dicom(path, stored, PhotometricInterpretation="MONOCHROME1", **fields)
        whole = 4095 if not signed else -1
        np.testing.assert_array_equal(decode_image(path)[..., 0], whole - stored)
        write_dicom(
            path, stored, PhotometricInterpretation="MONOCHROME1", RescaleSlope=2,
            RescaleIntercept=-100, **fields,
        )  # fmt: skip
        found = decode_image(path)[..., 0]
        np.testing.assert_array_equal(found, 2.0 * (whole - stored) - 100)
        assert found.dtype == np.float32


def test_a_slice_of_zeros_has_the_type_of_its_series(tmp_path: Path) -> None:
    write_dicom(tmp_path / "z", np.zeros((4, 4), np.uint16), RescaleSlope=2, RescaleIntercept=0)
    assert decode_image(tmp_path / "z").dtype == np.float32


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "webp", "tif", "jpg", "jp2", "avif"])
def test_pillows_limit_holds_for_others_alone(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(RGB).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode_image(path).shape == RGB.shape
        assert "cannot read" not in str(decoder_disagreement(path))
        assert declared_values(tmp_path, path.name) in (RGB.size, RGB.size // 3)  # of a palette
    assert Image.MAX_IMAGE_PIXELS == 4
    with pytest.raises(Image.DecompressionBombError):
        Image.open(path).load()


def test_the_last_reader_restores_pillows_limit() -> None:
    limit = Image.MAX_IMAGE_PIXELS
    first, second = without_limit(), without_limit()
    for block in (first, second):
        block.__enter__()
    for block in (first, second):
        assert Image.MAX_IMAGE_PIXELS is None
        block.__exit__(None, None, None)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_tifffile_is_silenced_here_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "x.tif", GRAY)
    messages: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    monkeypatch.setattr(tifffile.logger(), "handlers", [handler])
    inside = tifffile.TiffPage.asarray

    def talkative(page: tifffile.TiffPage, **options: object) -> np.ndarray:
        tifffile.logger().error("odd, in our decoding")
        other = threading.Thread(target=lambda: tifffile.logger().error("odd, elsewhere"))
        other.start()
        other.join()
        return inside(page, **options)

    monkeypatch.setattr(tifffile.TiffPage, "asarray", talkative)
    decode_image(tmp_path / "x.tif")
    tifffile.logger().error("odd, later")
    assert messages == ["odd, elsewhere", "odd, later"]


def test_many_threads_read_the_same(tmp_path: Path) -> None:
    paths = {}
    for kind, (name, write, expected) in IMAGES.items():
        (tmp_path / kind).mkdir()
        write(tmp_path / kind / name)
        paths[tmp_path / kind / name] = expected
    with ThreadPoolExecutor(8) as pool:
        jobs = [*paths] * 20
        for path, found in zip(jobs, pool.map(decode_image, jobs), strict=True):
            np.testing.assert_array_equal(found, paths[path])
