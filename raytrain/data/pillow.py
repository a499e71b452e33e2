"""PNG, JPEG and other formats that Pillow reads, one picture per file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import imagecodecs
import numpy as np
from PIL import Image, UnidentifiedImageError

from raytrain.data.stored import (
    Stored,
    lossy_jpeg2000,
    lossy_webp,
    orientation_of,
    reason_of,
    unreadable,
)

READ = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Formats that are read. Other formats hold no image data, or may run a program, as EPS does."""
LOSSY = {"JPEG", "MPO", "AVIF"}
"""Formats that do not preserve pixel values; WebP and JPEG 2000 may be of either kind."""
ORIENTATION = 274

_lock = Lock()
_limits: list[int | None] = []
"""Pillow's limit at the beginning of each block that is running."""


def read_pillow(path: Path) -> Stored:
    """Return the values of an image file, HxW or HxWxC, as they are stored. Raises ValueError when
    the file is unreadable or not one picture."""
    image = open_picture(path)
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        raise ValueError(f"{path}: has {image.mode} colors; convert it to RGB")
    values, stretch, opaque = np.asarray(image), 1, 255
    alpha = image.mode in ("LA", "RGBA", "PA", "La", "RGBa")
    if image.format == "PNG":
        with path.open("rb") as file:
            depth = file.read(25)[24]
        if depth == 16 and image.mode in ("RGB", "RGBA", "LA"):
            values, opaque = _deep_png(path), 65535
            alpha = values.shape[2] != 3
        elif image.mode == "L" and depth < 8:
            # Pillow stretches 2-bit and 4-bit gray to 0 .. 255; class numbers are the stored
            # values.
            stretch = {2: 85, 4: 17}.get(depth, 1)
            values = values // stretch
    hidden = None
    if alpha:
        hidden = int((values[..., -1] != opaque).sum())
        values = values[..., :-1] if values.shape[2] == 4 else values[..., 0]
    return Stored(
        reader="Pillow", values=values, hidden=hidden, stretch=stretch,
        palette=_palette(image) if image.mode in ("P", "PA") else None,
        orientation=orientation_of(image.getexif().get(ORIENTATION)), lossy=_lossy(image, path),
    )  # fmt: skip


def open_picture(path: Path) -> Image.Image:
    """Return the picture in a file, with its pixels loaded. Raises ValueError when it is unreadable
    or has several frames."""
    try:
        # With a path Pillow would map the file, and it misreads rotated TIFFs that are mapped.
        with path.open("rb") as file, without_limit():
            image = Image.open(file, formats=READ)
            image.load()
            pages = getattr(image, "n_frames", 1)
            image.getexif()  # read here, to catch its errors
    except UnidentifiedImageError:
        raise unreadable(path, "not an image") from None
    except Exception as error:
        raise unreadable(path, reason_of(error)) from None
    if pages > 1:
        raise ValueError(f"{path}: has {pages} pages or frames; save each as a separate file")
    return image


@contextmanager
def without_limit() -> Iterator[None]:
    """Lift Pillow's limit on the number of pixels inside the block.

    The limit protects web servers, but here gigapixel slides are normal. The process has one limit
    for all threads, so the last thread that leaves the block restores it.
    """
    with _lock:
        _limits.append(Image.MAX_IMAGE_PIXELS)
        Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        with _lock:
            limit = _limits.pop()
            if not _limits:
                Image.MAX_IMAGE_PIXELS = limit


def _deep_png(path: Path) -> np.ndarray:
    """Return the values, H x W x 2, 3 or 4 with 16 bits, which Pillow would reduce to 8. Raises
    ValueError when the file is unreadable."""
    try:
        return imagecodecs.png_decode(path.read_bytes())
    except Exception as error:
        raise unreadable(path, reason_of(error)) from None


def _palette(image: Image.Image) -> np.ndarray:
    """Return the palette, 256 x 4: red, green, blue and opacity."""
    indices = Image.frombytes("P", (256, 1), bytes(range(256)))
    indices.putpalette(image.getpalette("RGB") or b"")
    indices.info = image.info  # which holds the opacity
    return np.asarray(indices.convert("RGBA"))[0]


def _lossy(image: Image.Image, path: Path) -> str:
    if image.format in LOSSY:
        return image.format
    if image.format == "WEBP":
        return "WEBP" if lossy_webp(path.read_bytes()) else ""
    if image.format == "JPEG2000":
        return "JPEG2000" if lossy_jpeg2000(path.read_bytes()) else ""
    return ""
