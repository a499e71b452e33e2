"""TIFF files. Their tags are often wrong, so the samples of each pixel are taken as stored.

Some microscopes and endoscopes write three samples per pixel under the tag "gray". Decoders that
trust the tag give one channel, and others refuse the file (CVC-ClinicDB's frames). tifffile gives
all samples. Tags are trusted only for palettes, inverted gray, orientation, and alpha that looks
like alpha.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import tifffile

from raytrain.data.stored import (
    Stored,
    lossy_jpeg2000,
    lossy_webp,
    orientation_of,
    reason_of,
    unreadable,
)

MOSTLY = 0.5
"""Smallest share of opaque pixels of an alpha channel with soft edges."""
ORIENTATION = 274
SUFFIXES = (".tif", ".tiff")
LOSSY = {"OJPEG", "JPEG", "JPEG_LOSSY", "ALT_JPEG", "IMPACJ"}
"""Lossy compressions by tifffile's names; WebP and JPEG 2000 may be of either kind."""

_reading: ContextVar[bool] = ContextVar("_reading", default=False)


def is_tiff(head: bytes) -> bool:
    """Return whether a file begins like a TIFF or BigTIFF."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_tiff(path: Path) -> Stored:
    """Return the values of a TIFF file, HxW or HxWxC, as they are stored. Raises ValueError unless
    the file is one readable picture."""
    try:
        with _without_log(), tifffile.TiffFile(path) as file:
            return _stored(_only_page(file))
    except Exception as error:
        raise unreadable(path, reason_of(error)) from None


def declared_shape(path: Path) -> tuple[int, ...]:
    """Return the shape of the first page, without reading pixels. Raises tifffile's errors."""
    with _without_log(), tifffile.TiffFile(path) as file:
        return cast(tifffile.TiffPage, file.pages[0]).shape


def page_of(path: Path) -> tuple[Path, int] | None:
    """Return file and page for a path such as `stack.tif#3`; None for other paths."""
    name, _, page = path.name.rpartition("#")
    if not name.lower().endswith(SUFFIXES) or not page.isdecimal() or path.exists():
        return None
    return path.with_name(name), int(page)


def count_pages(path: Path) -> int:
    """Return the number of pictures in a stack.

    Raises ValueError when the stack is unreadable, and when it contains reduced copies of pictures,
    because page numbers could not distinguish copies from pictures.
    """
    try:
        with _without_log(), tifffile.TiffFile(path) as file:
            pages = cast(list[tifffile.TiffPage], list(file.pages))
            if any(page.is_reduced for page in pages):
                raise ValueError("holds reduced copies of its pages; save it without them")
            return len(pages) * _planes(file, pages[0]) if len(pages) == 1 else len(pages)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file; correct competition.format") from None
    except Exception as error:
        raise unreadable(path, reason_of(error)) from None


def read_page(path: Path, number: int) -> Stored:
    """Return the values of page `number` (from 0 on) of a TIFF file with many pages, as they are
    stored. Raises ValueError when the page is unreadable."""
    try:
        with _without_log(), tifffile.TiffFile(path) as file:
            if len(file.pages) == 1 and number:
                page = cast(tifffile.TiffPage, file.pages[0])
                planes = file.series[0].asarray(maxworkers=1).reshape(-1, *page.shape)
                return replace(_stored(page), values=planes[number])
            return _stored(_in_rgb(cast(tifffile.TiffPage, file.pages[number])))
    except Exception as error:
        reason = f"page {number + 1}: {reason_of(error)}"
        raise unreadable(path, reason) from None


def _stored(page: tifffile.TiffPage) -> Stored:
    _check_declared(page)
    values, hidden = _samples(page)
    palette = None
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
        palette = (page.colormap.T >> 8).astype(np.uint8)  # the table has 16 bits
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and values.dtype.kind in "ub":
        values = ~values if values.dtype == bool else _top(page, values) - values
    return Stored(
        reader="tifffile", values=values, hidden=hidden, palette=palette, lossy=_lossy(page),
        orientation=orientation_of(page.tags.valueof(ORIENTATION)),
    )  # fmt: skip


def _only_page(file: tifffile.TiffFile) -> tifffile.TiffPage:
    """Return the page with the picture. Smaller copies of the picture do not count. Raises
    ValueError when there are several pictures."""
    pages = cast(list[tifffile.TiffPage], list(file.pages))  # TiffFrames only on request
    full = [page for page in pages if not page.is_reduced] if len(pages) > 1 else pages
    count = _planes(file, full[0]) if len(pages) == 1 else len(full)
    if count != 1:
        raise ValueError(
            f"has {count} pages; if each is one image, use format: {{name: numpy_stacks}}, else "
            "save each as a separate file"
        )
    return _in_rgb(full[0])


def _planes(file: tifffile.TiffFile, page: tifffile.TiffPage) -> int:
    """Return the number of pictures in a TIFF file with one directory."""
    # ImageJ and tifffile may omit the directories of further planes.
    return file.series[0].size // page.size if file.is_imagej or file.is_shaped else 1


def _in_rgb(page: tifffile.TiffPage) -> tifffile.TiffPage:
    if page.photometric == tifffile.PHOTOMETRIC.SEPARATED:
        raise ValueError("has CMYK colors; convert it to RGB")
    return page


def _check_declared(page: tifffile.TiffPage) -> None:
    """Raise ValueError when more samples are stored than declared.

    Otherwise the first of them would be taken for the picture. Their layout, by pixel or by plane,
    cannot be determined, because the tags are wrong.
    """
    bits = page.tags.get(258)
    count = bits.count if bits is not None else 1
    plain = page.compression == tifffile.COMPRESSION.NONE and not page.is_tiled
    if plain and isinstance(page.bitspersample, int):  # it is a tuple for bits such as 5, 6 and 5
        rows = min(page.rowsperstrip, page.imagelength)
        samples = page.samplesperpixel if page.planarconfig == 1 else 1
        expected = (page.imagewidth * samples * page.bitspersample + 7) // 8 * rows
        stored, rest = divmod(page.databytecounts[0], max(expected, 1))
        if stored > 1 and not rest:
            count = max(count, stored * page.samplesperpixel)
    if count > page.samplesperpixel:
        raise ValueError(
            f"declares {page.samplesperpixel} sample(s) per pixel but has {count}; save it again "
            "as gray or RGB"
        )


def _samples(page: tifffile.TiffPage) -> tuple[np.ndarray, int | None]:
    """Return H x W (x C) without alpha, and the number of pixels that alpha hides. Raises
    ValueError for other axes than height, width and channels."""
    # One thread, because the caller decodes many files in its own threads.
    array, axes = page.asarray(maxworkers=1), page.axes
    if axes in ("SYX", "CYX"):
        array, axes = np.moveaxis(array, 0, -1), "YXS"
    if axes not in ("YX", "YXS", "YXC"):
        raise ValueError(f"has the axes {axes}; save it as height x width (x channels)")
    first = page.samplesperpixel - len(page.extrasamples)
    alpha = [
        first + place
        for place, kind in enumerate(page.extrasamples)
        if array.ndim == 3 and _is_alpha(kind, array[..., first + place], _top(page, array))
    ]
    if not alpha:
        return array, None
    hidden = (array[..., alpha] != _top(page, array)).any(-1)
    rest = np.delete(array, alpha, axis=2)
    return rest[..., 0] if rest.shape[2] == 1 else rest, int(hidden.sum())


def _is_alpha(kind: int, band_HW: np.ndarray, top: int) -> bool:
    """Return whether an extra sample is alpha. Writers such as tifffile declare the fourth band of
    any image as unassociated alpha. Alpha is mostly opaque, or only hidden and opaque."""
    if kind == tifffile.EXTRASAMPLE.UNASSALPHA:
        opaque_HW = band_HW == top
        sharp = bool((opaque_HW | (band_HW == 0)).all())
        return bool(opaque_HW.any()) and (sharp or opaque_HW.mean() >= MOSTLY)
    return kind == tifffile.EXTRASAMPLE.ASSOCALPHA


def _top(page: tifffile.TiffPage, values: np.ndarray) -> int:
    """Return the value of white, or of full opacity."""
    if values.dtype.kind in "fb":
        return 1
    return 2 ** (page.bitspersample - (values.dtype.kind == "i")) - 1


def _lossy(page: tifffile.TiffPage) -> str:
    name = tifffile.COMPRESSION(page.compression).name
    if name in LOSSY:
        return "TIFF with JPEG inside"
    check = lossy_webp if "WEBP" in name else lossy_jpeg2000 if "2000" in name else None
    if check is None:
        return ""
    file = page.parent.filehandle
    file.seek(page.dataoffsets[0])
    return f"TIFF with {name} inside" if check(file.read(page.databytecounts[0])) else ""


@contextmanager
def _without_log() -> Iterator[None]:
    """Suppress tifffile's log messages, which are printed when no logging is set up."""
    tifffile.logger().addFilter(_is_of_others)  # adding it a second time has no effect
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


def _is_of_others(record: logging.LogRecord) -> bool:
    del record
    return not _reading.get()
