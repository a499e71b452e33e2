"""Decoding one file to an array, strictly: what cannot be read whole and surely is an error."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from raytrain.data.dicom import decode_dicom
from raytrain.data.tiff import decode_tiff, is_tiff

LOSSY = {"JPEG", "MPO", "WEBP"}
"""Formats whose pixels are not what was saved: not for masks."""


def decode_image(path: Path) -> np.ndarray:
    """image_HWC in the file's own type (what has one bit is 0 and 255).

    Palettes become RGB; an alpha channel that hides nothing is dropped. Raises ValueError for a
    file that is unreadable, has several pages, hides pixels or holds values that are no numbers.
    """
    image = _decoded(path, _picture)
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or not image.size:
        raise ValueError(f"{path}: an image is height x width (x channels), this is {image.shape}")
    if image.dtype == bool:
        image = image.astype(np.uint8) * 255
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        count = int(np.size(image) - np.isfinite(image).sum())
        raise ValueError(f"{path}: {count} values are not finite; replace them")
    # PNG and TIFF files may hold big-endian numbers, which torch refuses.
    return np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("="))


def decode_mask(path: Path) -> np.ndarray:
    """mask_HW of whole numbers from 0 on (palettes give their indices, one bit gives 0 and 1).

    Channels that are all equal count as one. Raises ValueError when it is unreadable, colourful,
    lossy, or holds fractions.
    """
    mask = _decoded(path, _labels)
    if mask.ndim == 3:
        # An alpha channel says nothing of classes; Pillow's last of two or four is one.
        planes = mask[..., : mask.shape[2] - 1] if mask.shape[2] in (2, 4) else mask
        if (planes != planes[..., :1]).any():
            raise ValueError(
                f"{path}: a mask must be one channel of whole numbers; this one has "
                f"{mask.shape[2]} that differ (colours?); save class numbers instead"
            )
        mask = planes[..., 0]
    if mask.ndim != 2 or not mask.size:
        raise ValueError(f"{path}: a mask is height x width, this is {mask.shape}")
    if mask.dtype.kind == "f" and (mask != np.floor(mask)).any():
        raise ValueError(f"{path}: a mask must hold whole numbers; this one holds fractions")
    if mask.min() < 0 or mask.max() > 65535:
        raise ValueError(f"{path}: mask values run from {mask.min()} to {mask.max()}")
    return mask.astype(np.uint8 if mask.max() < 256 else np.uint16)


def _decoded(path: Path, convert: Callable[[Image.Image, Path], np.ndarray]) -> np.ndarray:
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise ValueError(f"{path}: unreadable ({error.strerror})") from None
    if not head:
        raise ValueError(f"{path}: unreadable (the file is empty)")
    if path.suffix.lower() == ".npy":
        return _loaded(path)
    if path.suffix.lower() in (".dcm", ".dicom"):
        return decode_dicom(path)
    if is_tiff(head):
        return decode_tiff(path)
    with _opened(path) as image:
        return convert(image, path)


def _opened(path: Path) -> Image.Image:
    # Pillow's guard against bombs is meant for web servers: here gigapixel slides are normal.
    Image.MAX_IMAGE_PIXELS = None
    try:
        image = Image.open(path)
        image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        reason = "not an image" if isinstance(error, UnidentifiedImageError) else str(error)
        raise ValueError(f"{path}: unreadable ({reason})") from None
    pages = getattr(image, "n_frames", 1)
    if pages > 1:
        raise ValueError(f"{path}: has {pages} pages or frames; save each as a file of its own")
    return image


def _picture(image: Image.Image, path: Path) -> np.ndarray:
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        raise ValueError(f"{path}: {image.mode} colours; convert it to RGB")
    if image.format == "PNG" and image.mode in ("RGB", "RGBA"):
        deep = _deep_png(path)
        if deep is not None:
            return deep
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    # A camera's note that the picture is turned; every viewer and annotation tool follows it.
    array = np.asarray(ImageOps.exif_transpose(image))
    if image.mode in ("LA", "RGBA", "PA", "La", "RGBa"):
        hidden = int((array[..., -1] != 255).sum())
        if hidden:
            raise ValueError(
                f"{path}: its alpha channel hides {hidden} px; save it without alpha, so that it "
                "is clear what stands there"
            )
        array = array[..., :-1]
    return array


def _deep_png(path: Path) -> np.ndarray | None:
    """Colours of 16 bits, of which Pillow keeps 8."""
    content = path.read_bytes()
    if content[24] != 16:  # the bit depth in the file's header
        return None
    array = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None:
        raise ValueError(f"{path}: unreadable (16-bit colours)")
    if array.shape[2] == 4:
        if (array[..., 3] != 65535).any():
            raise ValueError(f"{path}: its alpha channel hides pixels; save it without alpha")
        array = array[..., :3]
    return array[..., ::-1]


def _labels(image: Image.Image, path: Path) -> np.ndarray:
    if image.format in LOSSY:
        raise ValueError(
            f"{path}: masks cannot be {image.format}, it is lossy and changes class numbers; ask "
            "for PNG or TIFF"
        )
    array = np.asarray(image)
    if image.format == "PNG" and image.mode == "L":
        # Pillow stretches gray of 2 and 4 bits to 0 .. 255; class numbers are what was stored.
        with path.open("rb") as file:
            depth = file.read(25)[24]
        array = array // {2: 85, 4: 17}.get(depth, 1)
    return array


def _loaded(path: Path) -> np.ndarray:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        pickled = "pickle" in str(error) or "Python objects" in str(error)
        reason = "it holds pickled objects, not numbers" if pickled else str(error)
        raise ValueError(f"{path}: unreadable ({reason})") from None
    if array.dtype.kind not in "uibf":
        raise ValueError(f"{path}: holds {array.dtype}, not numbers")
    return array


def decode_layers(path: Path) -> np.ndarray:
    """TEMP"""
    mask = _decoded(path, _labels)
    return (mask[..., None] if mask.ndim == 2 else mask) != 0
