"""Whether a second, independent decoder reads the same from a file."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from raytrain.data.decode import decode_image
from raytrain.data.tiff import is_tiff

JPEG_STEP = 2
"""Gray levels by which two decoders of one JPEG may differ: the standard leaves rounding open."""


def decoder_disagreement(path: Path) -> str | None:
    """What another decoder makes of an image, in a line, when it differs from `decode_image`.

    Pillow for TIFF, OpenCV for all else (its TIFF warnings cannot be kept off the screen).
    """
    try:
        image = decode_image(path)
    except ValueError:  # a mask may be what no image can be
        return None
    head = path.read_bytes()[:8]
    if path.suffix.lower() in (".npy", ".dcm", ".dicom"):
        return None
    name, other = ("Pillow", _pillow(path)) if is_tiff(head) else ("OpenCV", _opencv(path))
    used = f"used: {image.shape[2]} channel(s) of {image.dtype}"
    if other is None:
        return f"{path}: {name} cannot read it; {used}"
    if other.shape != image.shape or other.dtype.newbyteorder("=") != image.dtype:
        return f"{path}: {name} reads {other.shape[2]} channel(s) of {other.dtype}; {used}"
    step = JPEG_STEP if head[:2] == b"\xff\xd8" else 0
    differ = int((np.abs(other.astype(np.float64) - image) > step).any(-1).sum())
    return f"{path}: {name} reads other values at {differ} px; {used}" if differ else None


def _opencv(path: Path) -> np.ndarray | None:
    buffer = np.fromfile(path, np.uint8)  # imread fails at names that are not ASCII elsewhere
    image = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
    if image is None:
        return None
    if image.ndim == 2:
        return image[..., None]
    if image.shape[2] == 4:
        image = image[..., :3]
        if (image == image[..., :1]).all():  # gray with alpha comes as four channels, too
            image = image[..., :1]
    return image[..., ::-1]


def _pillow(path: Path) -> np.ndarray | None:
    try:
        with Image.open(path) as image:
            array = np.asarray(image.convert("RGB") if image.mode == "P" else image)
    except (OSError, ValueError, SyntaxError):
        return None
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    return array[..., None] if array.ndim == 2 else array
