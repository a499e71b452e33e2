"""TIFF files, which declare much and mean less: the samples of each pixel are taken as stored.

Some microscopes and endoscopes write three samples a pixel under the tag "gray": decoders that
believe the tag give one channel, others refuse the file (CVC-ClinicDB's frames). tifffile gives
all samples; only palettes and inverted gray are what their tag says.
"""

from pathlib import Path

import numpy as np
import tifffile


def is_tiff(head: bytes) -> bool:
    """Whether a file begins as a TIFF or BigTIFF does."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def decode_tiff(path: Path) -> np.ndarray:
    """HxW or HxWxC in the file's own type. Raises ValueError when it is not one whole picture."""
    try:
        with tifffile.TiffFile(path) as file:
            if len(file.pages) != 1:
                raise ValueError(f"has {len(file.pages)} pages; save each as a file of its own")
            page = file.pages.first
            if page.photometric == tifffile.PHOTOMETRIC.SEPARATED:
                raise ValueError("CMYK colours; convert it to RGB")
            array = page.asarray()
            colours = page.colormap
    except (
        tifffile.TiffFileError, OSError, ValueError, IndexError, KeyError, RuntimeError
    ) as error:  # fmt: skip
        raise ValueError(f"{path}: unreadable ({error})") from None
    axes = page.axes
    if axes in ("SYX", "CYX"):
        array, axes = np.moveaxis(array, 0, -1), "YXS"
    if axes not in ("YX", "YXS", "YXC"):
        raise ValueError(f"{path}: has the axes {axes}; save it as height x width (x channels)")
    if colours is not None:
        # The table's 16-bit colours of each index.
        return (np.moveaxis(colours, 0, -1)[array] >> 8).astype(np.uint8)
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and array.dtype.kind in "ub":
        top = True if array.dtype == bool else np.iinfo(array.dtype).max
        return top ^ array if array.dtype == bool else top - array
    return array
