"""Files of one picture or mask, as cameras, scanners and odd programs write them."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pydicom
import tifffile
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (7, 9)).astype(np.uint8)
RGB = RNG.integers(0, 256, (7, 9, 3)).astype(np.uint8)
DEEP = RNG.integers(0, 65536, (7, 9, 3)).astype(np.uint16)
LABELS = RNG.integers(0, 3, (7, 9)).astype(np.uint8)
OPAQUE = np.full((7, 9), 255, np.uint8)
PNG_GRAY, PNG_RGB, PNG_GRAY_ALPHA = 0, 2, 4


def write_png(path: Path, array: np.ndarray) -> None:
    Image.fromarray(array).save(path)


def png_bytes(
    rows: list[bytes], width: int, depth: int, colors: int, *more: tuple[bytes, bytes]
) -> bytes:
    """A PNG of rows as they stand in the file, with `more` chunks before the pixels."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, len(rows), depth, colors, 0, 0, 0)), *more,
        (b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))), (b"IEND", b""),
    ]  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def write_deep_png(
    path: Path, array: np.ndarray, colors: int, *more: tuple[bytes, bytes]
) -> None:  # fmt: skip
    """16 bits in each channel, which Pillow does not write."""
    rows = [row.astype(">u2").tobytes() for row in array]
    path.write_bytes(png_bytes(rows, array.shape[1], 16, colors, *more))


def write_undeclared(path: Path, array: np.ndarray, declared: int = 3) -> None:
    """Three samples a pixel under the tag "gray", no word of the extra ones: as CVC-ClinicDB's,
    which at least declare how many there are."""
    height, width, _ = array.shape
    tags = [
        (256, 3, 1, width), (257, 3, 1, height), (258, 3, declared, 0), (259, 3, 1, 1),
        (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, declared), (278, 3, 1, height),
        (279, 4, 1, array.size), (284, 3, 1, 1),
    ]  # fmt: skip
    directory = 8 + array.size
    bits = 8 if declared == 1 else directory + 2 + 12 * len(tags) + 4
    content = struct.pack("<2sHI", b"II", 42, directory) + array.tobytes()
    content += struct.pack("<H", len(tags))
    for tag, kind, count, value in tags:
        content += struct.pack("<HHII", tag, kind, count, bits if tag == 258 else value)
    path.write_bytes(content + struct.pack("<I3H", 0, 8, 8, 8))


def write_dicom(path: Path, stored: np.ndarray, **fields: object) -> None:
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
    data.PixelData = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    data.save_as(path, enforce_file_format=True)


def saved(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return buffer.getvalue()


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = orientation
    return exif


IMAGES: dict[str, tuple[str, Callable[[Path], object], np.ndarray]] = {
    "gray": ("x.png", lambda p: write_png(p, GRAY), GRAY[..., None]),
    "rgb": ("x.png", lambda p: write_png(p, RGB), RGB),
    "16 bit": ("x.png", lambda p: write_png(p, DEEP[..., 0]), DEEP[..., :1]),
    "16 bit colors": ("x.png", lambda p: cv2.imwrite(str(p), DEEP[..., ::-1]), DEEP),
    "one bit": (
        "x.png", lambda p: write_png(p, GRAY > 99), 255 * (GRAY[..., None] > 99).astype(np.uint8),
    ),
    "opaque alpha": ("x.png", lambda p: write_png(p, np.dstack([RGB, OPAQUE])), RGB),
    "gray as colors with alpha": (
        "x.png", lambda p: write_png(p, np.dstack([*[GRAY] * 3, OPAQUE])), np.dstack([GRAY] * 3),
    ),
    "gray with alpha": (
        "x.png", lambda p: write_png(p, np.dstack([GRAY, OPAQUE])), GRAY[..., None],
    ),
    "16 bit with alpha": (
        "x.png",
        lambda p: write_deep_png(
            p, np.dstack([DEEP[..., 0], np.full((7, 9), 65535)]), PNG_GRAY_ALPHA
        ),
        DEEP[..., :1],
    ),
    "bmp": ("x.bmp", lambda p: write_png(p, RGB), RGB),
    "tiff": ("x.tif", lambda p: tifffile.imwrite(p, RGB, photometric="rgb"), RGB),
    "tiff undeclared": ("x.tif", lambda p: write_undeclared(p, RGB), RGB),
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
    "tiff with alpha": (
        "x.tif",
        lambda p: tifffile.imwrite(
            p, np.dstack([RGB, OPAQUE]), photometric="rgb", extrasamples=["unassalpha"]
        ),
        RGB,
    ),
    "tiff with infrared": (
        "x.tif",
        lambda p: tifffile.imwrite(
            p, np.dstack([RGB, GRAY]), photometric="rgb", extrasamples=["unspecified"]
        ),
        np.dstack([RGB, GRAY]),
    ),
    "tiff gray with alpha": (
        "x.tif", lambda p: write_png(p, np.dstack([GRAY, OPAQUE])), GRAY[..., None],
    ),
    "npy": ("x.npy", lambda p: np.save(p, GRAY / 2), GRAY[..., None] / 2),
    "npy big-endian": ("x.npy", lambda p: np.save(p, DEEP.astype(">u2")), DEEP),
    "dicom": ("x.dcm", lambda p: write_dicom(p, DEEP[..., 0]), DEEP[..., :1]),
    "dicom without a suffix": ("IM0001", lambda p: write_dicom(p, DEEP[..., 0]), DEEP[..., :1]),
    "dicom rescaled": (
        "x.dcm", lambda p: write_dicom(p, DEEP[..., 0], RescaleSlope=2, RescaleIntercept=-1024),
        2 * DEEP[..., :1].astype(np.float32) - 1024,
    ),
    "dicom inverted": (
        "x.dcm",
        lambda p: write_dicom(
            p, DEEP[..., 0] // 16, PhotometricInterpretation="MONOCHROME1", BitsStored=12,
            HighBit=11,
        ),
        4095 - DEEP[..., :1] // 16,
    ),
    "odd name": ("a b é 心 [1]*.png", lambda p: write_png(p, RGB), RGB),
}  # fmt: skip
"""Name, writer and what must come out."""
