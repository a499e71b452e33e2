"""Decoding masks: whole numbers as they were saved, or why they are none."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from raytrain.data.decode import decode_image, decode_mask
from tests.image_files import (
    GRAY,
    LABELS,
    OPAQUE,
    PNG_GRAY,
    RGB,
    RNG,
    png_bytes,
    write_dicom,
    write_png,
)

MASKS: dict[str, tuple[str, Callable[[Path], object], np.ndarray]] = {
    "labels": ("m.png", lambda p: write_png(p, LABELS), LABELS),
    "one bit": ("m.png", lambda p: write_png(p, LABELS > 0), LABELS > 0),
    "equal channels": ("m.png", lambda p: write_png(p, np.dstack([LABELS] * 3)), LABELS),
    "equal channels and alpha": (
        "m.png", lambda p: write_png(p, np.dstack([*[LABELS] * 3, OPAQUE])), LABELS,
    ),
    "equal bands": (
        "m.tif",
        lambda p: tifffile.imwrite(
            p, np.dstack([LABELS] * 2), photometric="minisblack", planarconfig="contig"
        ),
        LABELS,
    ),
    "whole floats": ("m.tif", lambda p: tifffile.imwrite(p, LABELS.astype(np.float32)), LABELS),
    "npy": ("m.npy", lambda p: np.save(p, LABELS.astype(np.int64)), LABELS),
    "many labels": (
        "m.png", lambda p: write_png(p, LABELS.astype(np.uint16) + 999), LABELS + np.uint16(999),
    ),
    "lossless webp": (
        "m.webp", lambda p: Image.fromarray(np.dstack([LABELS] * 3)).save(p, lossless=True), LABELS,
    ),
    "lossless jpeg 2000": (
        "m.jp2", lambda p: Image.fromarray(LABELS).save(p, irreversible=False), LABELS,
    ),
    "lossless jpeg 2000 in tiff": (
        "m.tif", lambda p: tifffile.imwrite(p, LABELS, compression="jpeg2000"), LABELS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", MASKS)
def test_a_mask_is_whole_numbers(kind: str, tmp_path: Path) -> None:
    name, write, expected = MASKS[kind]
    write(tmp_path / name)
    found = decode_mask(tmp_path / name)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == (np.uint16 if expected.max() > 255 else np.uint8)


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("m.png", RGB, r"one channel of whole numbers; this one has 3 different"),
        ("m.npy", np.dstack([LABELS, GRAY]), "this one has 2 different"),
        ("m.jpg", LABELS, "a mask must not be JPEG, which is lossy"),
        ("m.tif", LABELS / np.float32(2), "holds fractions"),
        (
            "m.npy",
            LABELS.astype(np.int32) - 1,
            "from 0 to 65535; here they are from -1",
        ),
    ],
)
def test_a_mask_that_is_none(name: str, array: np.ndarray, words: str, tmp_path: Path) -> None:
    path = tmp_path / name
    {".tif": tifffile.imwrite, ".npy": np.save}.get(path.suffix, write_png)(path, array)
    with pytest.raises(ValueError, match=words) as caught:
        decode_mask(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_bands_that_differ_are_not_dropped(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    for bands in (np.dstack([LABELS, GRAY]), np.dstack([*[LABELS] * 3, GRAY])):
        tifffile.imwrite(path, bands, photometric="minisblack", planarconfig="contig")
        with pytest.raises(ValueError, match=f"this one has {bands.shape[2]} different"):
            decode_mask(path)


@pytest.mark.parametrize("name", ["m.png", "m.tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_mask_with_hidden_pixels_is_refused(channels: int, name: str, tmp_path: Path) -> None:
    alpha = OPAQUE.copy()
    alpha[:2, :3] = 0
    write_png(tmp_path / name, np.dstack([*[LABELS] * channels, alpha]))
    with pytest.raises(ValueError, match="its alpha channel hides 6 px"):
        decode_mask(tmp_path / name)


def _lossy_files(folder: Path) -> dict[str, Path]:
    # Smooth and wide enough that each of the coders takes it.
    ramp = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    colors = np.dstack([ramp] * 3)
    for kind, array, more in [
        ("jpeg", ramp, {}), ("webp", colors, {"lossless": False}),
        ("jpeg2000", ramp, {"reversible": False}),
    ]:  # fmt: skip
        tifffile.imwrite(
            folder / f"{kind}.tif", array, compression=kind,
            compressionargs={"level": 50, **more},
        )  # fmt: skip
    Image.fromarray(colors).save(folder / "w.webp", quality=50)
    Image.fromarray(colors).save(folder / "a.avif", quality=50)
    Image.fromarray(ramp).save(
        folder / "j.jp2", irreversible=True, quality_mode="rates", quality_layers=[20]
    )
    write_dicom(folder / "d", ramp.astype(np.uint16), LossyImageCompression="01")
    return {path.name: path for path in folder.iterdir()}


def test_lossy_masks_are_refused_and_lossy_images_are_not(tmp_path: Path) -> None:
    files = _lossy_files(tmp_path)
    assert len(files) == 7
    for path in files.values():
        assert decode_image(path).shape[:2] == (64, 64)
        with pytest.raises(ValueError, match="which is lossy and changes class numbers") as caught:
            decode_mask(path)
        assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_masks_of_few_bits_keep_their_numbers(depth: int, tmp_path: Path) -> None:
    labels = RNG.integers(0, 2**depth, (5, 8)).astype(np.uint8)
    bits = np.unpackbits(labels[..., None], axis=2)[..., 8 - depth :]
    rows = [row.tobytes() for row in np.packbits(bits.reshape(5, -1), axis=1)]
    (tmp_path / "m.png").write_bytes(png_bytes(rows, 8, depth, PNG_GRAY))
    np.testing.assert_array_equal(decode_mask(tmp_path / "m.png"), labels)
    stretched = labels * (255 // (2**depth - 1))
    np.testing.assert_array_equal(decode_image(tmp_path / "m.png")[..., 0], stretched)
