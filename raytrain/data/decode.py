"""Decoding one file to an array, strictly: what cannot be read whole is an error."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError


def decode_image(path: Path) -> np.ndarray:
    """An image as HxW or HxWxC in its own dtype. Raises ValueError when it is unreadable."""
    with _opened(path) as image:
        # Palette indices are not intensities.
        return np.asarray(image.convert("RGB") if image.mode == "P" else image)


def decode_mask(path: Path) -> np.ndarray:
    """A label image as HxW integers (palette images give their indices).

    Raises ValueError when it is unreadable or has more than one channel.
    """
    with _opened(path) as image:
        mask = np.asarray(image)
    if mask.ndim != 2 or mask.dtype.kind not in "ub":
        raise ValueError(
            f"{path}: a mask must be one channel of whole numbers (it is {image.mode})"
        )
    return mask


def _opened(path: Path) -> Image.Image:
    try:
        image = Image.open(path)
        image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        reason = "not an image" if isinstance(error, UnidentifiedImageError) else str(error)
        raise ValueError(f"{path}: unreadable ({reason})") from None
    return image
