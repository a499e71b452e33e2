"""Decoding: what a file holds, or why it cannot be used; real files of every kind."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from raytrain.data.decode import decode_image, decode_mask
from raytrain.data.second_opinion import decoder_disagreement

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (7, 9)).astype(np.uint8)
RGB = RNG.integers(0, 256, (7, 9, 3)).astype(np.uint8)
DEEP = RNG.integers(0, 65536, (7, 9, 3)).astype(np.uint16)
LABELS = RNG.integers(0, 3, (7, 9)).astype(np.uint8)


def _png(path: Path, array: np.ndarray) -> None:
    Image.fromarray(array).save(path)


def _undeclared(path: Path, array: np.ndarray) -> None:
    """Three samples a pixel under the tag "gray", no word of the extra ones: as CVC-ClinicDB's."""
    height, width, samples = array.shape
    tags = [
        (256, 3, 1, width), (257, 3, 1, height), (258, 3, samples, 0), (259, 3, 1, 1),
        (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, samples), (278, 3, 1, height),
        (279, 4, 1, array.size), (284, 3, 1, 1),
    ]  # fmt: skip
    directory = 8 + array.size
    bits = directory + 2 + 12 * len(tags) + 4
    content = struct.pack("<2sHI", b"II", 42, directory) + array.tobytes()
    content += struct.pack("<H", len(tags))
    for tag, kind, count, value in tags:
        content += struct.pack("<HHII", tag, kind, count, bits if tag == 258 else value)
    path.write_bytes(content + struct.pack("<I3H", 0, 8, 8, 8))


def _dicom(path: Path, stored: np.ndarray, **fields: object) -> None:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.Rows, data.Columns = stored.shape[-2:]
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.SamplesPerPixel, data.PixelRepresentation = 15, 1, 0
    data.PhotometricInterpretation = "MONOCHROME2"
    for name, value in fields.items():
        setattr(data, name, value)
    data.PixelData = stored.astype(np.uint16).tobytes()
    data.save_as(path, enforce_file_format=True)


IMAGES: dict[str, tuple[str, Callable[[Path], object], np.ndarray]] = {
    "gray": ("x.png", lambda p: _png(p, GRAY), GRAY[..., None]),
    "rgb": ("x.png", lambda p: _png(p, RGB), RGB),
    "16 bit": ("x.png", lambda p: _png(p, DEEP[..., 0]), DEEP[..., :1]),
    "16 bit colours": ("x.png", lambda p: cv2.imwrite(str(p), DEEP[..., ::-1]), DEEP),
    "one bit": (
        "x.png", lambda p: _png(p, GRAY > 99), 255 * (GRAY[..., None] > 99).astype(np.uint8),
    ),
    "opaque alpha": (
        "x.png", lambda p: _png(p, np.dstack([RGB, np.full((7, 9), 255, np.uint8)])), RGB,
    ),
    "gray with alpha": (
        "x.png", lambda p: _png(p, np.dstack([GRAY, np.full((7, 9), 255, np.uint8)])),
        GRAY[..., None],
    ),
    "bmp": ("x.bmp", lambda p: _png(p, RGB), RGB),
    "tiff": ("x.tif", lambda p: tifffile.imwrite(p, RGB, photometric="rgb"), RGB),
    "tiff undeclared": ("x.tif", lambda p: _undeclared(p, RGB), RGB),
    "tiff planar": (
        "x.tif",
        lambda p: tifffile.imwrite(
            p, np.moveaxis(RGB, 2, 0), planarconfig="separate", photometric="rgb"
        ),
        RGB,
    ),
    "tiff inverted": (
        "x.tiff", lambda p: tifffile.imwrite(p, GRAY, photometric="miniswhite"),
        255 - GRAY[..., None],
    ),
    "tiff lzw": (
        "x.tif", lambda p: tifffile.imwrite(p, DEEP, compression="lzw", photometric="rgb"), DEEP,
    ),
    "tiff big-endian": (
        "x.tif", lambda p: tifffile.imwrite(p, DEEP[..., 0], byteorder=">"), DEEP[..., :1],
    ),
    "tiff float": (
        "x.tif", lambda p: tifffile.imwrite(p, GRAY.astype(np.float32) / 7),
        GRAY[..., None].astype(np.float32) / 7,
    ),
    "npy": ("x.npy", lambda p: np.save(p, GRAY / 2), GRAY[..., None] / 2),
    "npy big-endian": ("x.npy", lambda p: np.save(p, DEEP.astype(">u2")), DEEP),
    "dicom": ("x.dcm", lambda p: _dicom(p, DEEP[..., 0]), DEEP[..., :1]),
    "dicom rescaled": (
        "x.dcm", lambda p: _dicom(p, DEEP[..., 0], RescaleSlope=2, RescaleIntercept=-1024),
        2 * DEEP[..., :1].astype(np.float32) - 1024,
    ),
    "dicom inverted": (
        "x.dcm", lambda p: _dicom(p, DEEP[..., 0], PhotometricInterpretation="MONOCHROME1"),
        DEEP[..., :1].max() + DEEP[..., :1].min() - DEEP[..., :1],
    ),
    "odd name": ("a b é 心 [1]*.png", lambda p: _png(p, RGB), RGB),
}  # fmt: skip


@pytest.mark.parametrize("kind", IMAGES)
def test_an_image_is_what_was_saved(kind: str, tmp_path: Path) -> None:
    name, write, expected = IMAGES[kind]
    write(tmp_path / name)
    found = decode_image(tmp_path / name)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype
    assert found.dtype.isnative


def test_a_palette_gives_colours_to_images_and_indices_to_masks(tmp_path: Path) -> None:
    picture = Image.fromarray(LABELS, "P")
    picture.putpalette([9, 8, 7, 200, 100, 50, 1, 2, 3])
    colours = np.array([[9, 8, 7], [200, 100, 50], [1, 2, 3]])
    for name in ("p.png", "p.tif"):
        picture.save(tmp_path / name)
        np.testing.assert_array_equal(decode_image(tmp_path / name), colours[LABELS])
    np.testing.assert_array_equal(decode_mask(tmp_path / "p.png"), LABELS)


def test_a_turned_photo_stands_upright(tmp_path: Path) -> None:
    flat = np.zeros((16, 32, 3), np.uint8)
    flat[:, 16:] = 255
    exif = Image.Exif()
    exif[274] = 6  # turn a quarter to the right
    Image.fromarray(flat).save(tmp_path / "x.jpg", exif=exif, quality=100)
    assert decode_image(tmp_path / "x.jpg").shape == (32, 16, 3)


def _saved(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return buffer.getvalue()


def _animated() -> bytes:
    frames = [Image.fromarray(array) for array in (GRAY, 255 - GRAY)]
    return _saved(frames[0], format="PNG", save_all=True, append_images=frames[1:])


def _pages() -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.stack([GRAY] * 2), photometric="minisblack")
    return buffer.getvalue()


def _stored(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


TRUNCATED = _saved(Image.fromarray(RNG.integers(0, 256, (64, 64)).astype(np.uint8)), format="PNG")
BROKEN: dict[str, tuple[str, bytes, str]] = {
    "empty": ("x.png", b"", "the file is empty"),
    "text": ("x.png", b"not a picture", "not an image"),
    "truncated png": ("x.png", TRUNCATED[: len(TRUNCATED) // 2], "unreadable"),
    "corrupt png": ("x.png", TRUNCATED[:99] + b"\0" * 99 + TRUNCATED[198:], "unreadable"),
    "truncated tiff": ("x.tif", _pages()[:60], "unreadable"),
    "hidden by alpha": (
        "x.png", _saved(Image.fromarray(np.dstack([RGB, GRAY])), format="PNG"),
        "alpha channel hides",
    ),
    "cmyk": ("x.jpg", _saved(Image.new("CMYK", (8, 8)), format="JPEG"), "convert it to RGB"),
    "animated": ("x.png", _animated(), "has 2 pages or frames"),
    "pages": ("x.tif", _pages(), "has 2 pages"),
    "objects": ("x.npy", _stored(np.array([{}])), "pickled objects"),
    "words": ("x.npy", _stored(np.array([["a"]])), "not numbers"),
    "flat": ("x.npy", _stored(np.arange(4)), "height x width"),
    "nan": ("x.npy", _stored(np.array([[1.0, np.nan, np.inf]])), "2 values are not finite"),
    "no dicom": ("x.dcm", b"x" * 300, "unreadable"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name, content, words = BROKEN[kind]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        decode_image(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert capfd.readouterr().err == ""


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    for name in ("folder.png", "loop.png", "gone.png"):
        with pytest.raises(ValueError, match=f"{name}: unreadable"):
            decode_image(tmp_path / name)


MASKS: dict[str, tuple[str, Callable[[Path], object], np.ndarray]] = {
    "labels": ("m.png", lambda p: _png(p, LABELS), LABELS),
    "one bit": ("m.png", lambda p: _png(p, LABELS > 0), LABELS > 0),
    "equal channels": ("m.png", lambda p: _png(p, np.dstack([LABELS] * 3)), LABELS),
    "equal channels and alpha": (
        "m.png", lambda p: _png(p, np.dstack([*[LABELS] * 3, GRAY])), LABELS,
    ),
    "whole floats": ("m.tif", lambda p: tifffile.imwrite(p, LABELS.astype(np.float32)), LABELS),
    "npy": ("m.npy", lambda p: np.save(p, LABELS.astype(np.int64)), LABELS),
    "many labels": (
        "m.png", lambda p: _png(p, LABELS.astype(np.uint16) + 999), LABELS + np.uint16(999),
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
        ("m.png", RGB, r"one channel of whole numbers; this one has 3 that differ"),
        ("m.jpg", LABELS, "masks cannot be JPEG, it is lossy"),
        ("m.tif", LABELS / np.float32(2), "holds fractions"),
        ("m.npy", LABELS.astype(np.int32) - 1, "mask values run from -1 to"),
    ],
)
def test_a_mask_that_is_none(name: str, array: np.ndarray, words: str, tmp_path: Path) -> None:
    path = tmp_path / name
    {".tif": tifffile.imwrite, ".npy": np.save}.get(path.suffix, _png)(path, array)
    with pytest.raises(ValueError, match=words) as caught:
        decode_mask(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("kind", [kind for kind in IMAGES if "undeclared" not in kind])
def test_decoders_agree_on_what_is_declared_well(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name, write, _ = IMAGES[kind]
    write(tmp_path / name)
    found = decoder_disagreement(tmp_path / name)
    # Pillow knows neither 16-bit colours in TIFF nor tifffile's planes, which is what we report.
    assert found is None or (kind in ("tiff lzw", "tiff planar") and "Pillow" in found)
    assert capfd.readouterr().err == ""


def test_a_disagreement_is_told_in_a_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _undeclared(tmp_path / "1.tif", RGB)
    text = decoder_disagreement(tmp_path / "1.tif")
    assert text == f"{tmp_path / '1.tif'}: Pillow cannot read it; used: 3 channel(s) of uint8"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_masks_of_few_bits_keep_their_numbers(depth: int, tmp_path: Path) -> None:
    labels = RNG.integers(0, 2**depth, (5, 8)).astype(np.uint8)
    bits = np.unpackbits(labels[..., None], axis=2)[..., 8 - depth :]
    rows = np.packbits(bits.reshape(5, -1), axis=1)
    scanlines = b"".join(b"\0" + row.tobytes() for row in rows)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 8, 5, depth, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(scanlines)), (b"IEND", b""),
    ]  # fmt: skip
    content = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    (tmp_path / "m.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    np.testing.assert_array_equal(decode_mask(tmp_path / "m.png"), labels)


def test_tiffs_that_are_cut_or_of_inks(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "z.tif", DEEP, compression="zlib", photometric="rgb")
    whole = (tmp_path / "z.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "z.tif") as file:
        start = file.pages.first.dataoffsets[0]
    (tmp_path / "z.tif").write_bytes(whole[: start + 20] + b"\0" * 40 + whole[start + 60 :])
    with pytest.raises(ValueError, match=r"z\.tif: unreadable"):
        decode_image(tmp_path / "z.tif")
    inks = np.zeros((7, 9, 4), np.uint8)
    tifffile.imwrite(tmp_path / "c.tif", inks, photometric="separated")
    with pytest.raises(ValueError, match=r"c\.tif: .*CMYK"):
        decode_image(tmp_path / "c.tif")
