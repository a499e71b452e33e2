"""Compare how raytrain and an independent decoder decode a file."""

from pathlib import Path

import cv2
import numpy as np

from raytrain.data.decode import as_image, read_stored
from raytrain.data.pillow import open_picture
from raytrain.data.stored import TURNS
from raytrain.data.strips import strips
from raytrain.runs.messages import counted

JPEG_STEP = 2
"""Number of gray levels by which two decoders of one JPEG may differ, because the standard allows
rounding."""


def decoder_disagreement(path: Path) -> str | None:
    """Return one line about another decoder's reading if it differs from `decode_image`, else None.

    The other decoder is Pillow for TIFF, and OpenCV for all other formats, because OpenCV's
    warnings about TIFF cannot be suppressed. An orientation tag is reported, too, because tools
    that ignore it see another picture.
    """
    try:
        stored = read_stored(path)
        image = as_image(stored, path)
    except ValueError:  # a mask may be something that is not a valid image
        return None
    if stored.reader == "tifffile":
        name, other = "Pillow", _pillow(path)
    elif stored.reader == "Pillow":
        name, other = "OpenCV", _opencv(path, stored.orientation, image.shape[2])
    else:
        return None
    used = f"raytrain uses {counted(image.shape[2], 'channel')} of {image.dtype}"
    if other is None:
        return f"{path}: {name} cannot read this file; {used}"
    if other.shape[:2] != image.shape[:2]:
        return f"{path}: {name} reads {_size(other)} px; raytrain uses {_size(image)} px"
    if other.shape != image.shape or other.dtype.newbyteorder("=") != image.dtype:
        return f"{path}: {name} reads {counted(other.shape[2], 'channel')} of {other.dtype}; {used}"
    with path.open("rb") as file:
        step = JPEG_STEP if file.read(2) == b"\xff\xd8" else 0
    differ = sum(
        int((np.abs(other[rows].astype(np.float64) - image[rows]) > step).any(-1).sum())
        for rows in strips(image)
    )
    if differ:
        return f"{path}: {name} reads different values at {differ} px; {used}"
    if stored.orientation != 1:
        return (
            f"{path}: its orientation tag ({stored.orientation}) turns it from "
            f"{_size(stored.values)} to {_size(image)} px; raytrain turns it, other tools may not"
        )
    return None


def _size(array: np.ndarray) -> str:
    return f"{array.shape[1]}x{array.shape[0]}"


def _opencv(path: Path, orientation: int, channels: int) -> np.ndarray | None:
    """Return the values that OpenCV reads, or None if it cannot read the file; `channels` is the
    number of channels that raytrain reads."""
    buffer = np.fromfile(path, np.uint8)  # imread fails for some names outside ASCII
    try:
        image = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
    except cv2.error:  # too large for OpenCV
        return None
    if image is None:
        return None
    image = TURNS[orientation](image)  # IMREAD_UNCHANGED ignores the tag
    if image.ndim == 2:
        return image[..., None]
    if image.shape[2] == 4:
        image = image[..., :3]
        # Gray with alpha has four channels, too.
        if channels == 1 and (image == image[..., :1]).all():
            image = image[..., :1]
    return image[..., ::-1]


def _pillow(path: Path) -> np.ndarray | None:
    """Return the values that Pillow reads, or None if it cannot read the file. For TIFF files
    Pillow applies the orientation tag itself."""
    try:
        image = open_picture(path)
    except ValueError:
        return None
    array = np.asarray(image.convert("RGB") if image.mode == "P" else image)
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    if image.mode in ("LA", "RGBA", "La", "RGBa"):
        array = array[..., :-1]
    return array[..., None] if array.ndim == 2 else array
