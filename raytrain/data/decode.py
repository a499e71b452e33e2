"""Strict decoding of one file to an array. A file that cannot be read completely and unambiguously
is an error.

Images and masks are both rotated according to their own orientation tag, as viewers and annotation
tools do. So a picture and the mask drawn on it match, whichever of them has a tag.
"""

from pathlib import Path

import numpy as np

from raytrain.data.dicom import is_dicom, read_dicom
from raytrain.data.npy import read_npy
from raytrain.data.pillow import read_pillow
from raytrain.data.stored import TURNS, Stored, refuse_special, unreadable
from raytrain.data.tiff import is_tiff, page_of, read_page, read_tiff

LOSSY_STEP = 32
"""Largest number of levels by which the channels of a lossy gray picture differ."""
MOST_COLORS = 6
"""Largest number of colors that a message lists."""


def decode_image(path: Path) -> np.ndarray:
    """Return image_HWC in the file's own type (one-bit values become 0 and 255).

    Palettes become RGB, and an alpha channel that hides nothing is dropped. Raises ValueError for a
    file that is unreadable, has several pages, hides pixels or holds values that are not finite.
    """
    return as_image(read_stored(path), path)


def decode_mask(path: Path) -> np.ndarray:
    """Return mask_HW of whole numbers from 0 on (palettes give their indices, one bit gives 0 and
    1).

    Channels that are all equal count as one. Raises ValueError when the mask is unreadable,
    colored, lossy or partly hidden by alpha, or holds fractions.
    """
    stored = read_stored(path)
    _check_exact(stored, path)
    return _levels(stored, path, 0)


def decode_levels(path: Path) -> np.ndarray:
    """Return the gray levels of a mask file, mask_HW, to which a threshold will be applied. Unlike
    in `decode_mask`, the file may be lossy, and the channels of a lossy gray picture may differ by
    up to 32 levels."""
    stored = read_stored(path)
    return _levels(stored, path, LOSSY_STEP if stored.lossy else 0)


def decode_colors(path: Path) -> np.ndarray:
    """Return mask_HW (uint32) of colors, red x 65536 + green x 256 + blue.

    Palettes give their colors, and a gray level is its color. Raises ValueError when the mask is
    unreadable, lossy or partly hidden by alpha, or has other values than 0 .. 255.
    """
    stored = read_stored(path)
    _check_exact(stored, path)
    return _colors_of(stored, path)


def decode_near_colors(path: Path) -> np.ndarray:
    """Return mask_HW (uint32) of colors, like `decode_colors`. The file may be lossy."""
    return _colors_of(read_stored(path), path)


def _colors_of(stored: Stored, path: Path) -> np.ndarray:
    image = as_image(stored, path)
    if image.shape[2] not in (1, 3) or image.dtype != np.uint8:
        raise ValueError(
            f"{path}: a colored mask must have 1 or 3 channels of uint8; this one has "
            f"{image.shape[2]} of {image.dtype}; save it as 8-bit RGB"
        )
    red, green, blue = (image[..., min(k, image.shape[2] - 1)].astype(np.uint32) for k in range(3))
    return red << 16 | green << 8 | blue


def _levels(stored: Stored, path: Path, step: int) -> np.ndarray:
    """Return mask_HW from one channel, or from channels that differ by at most `step`. Raises
    ValueError for other masks, for hidden pixels, for fractions, and for values outside 0 ..
    65535."""
    _check_shown(stored.hidden or 0, path)
    mask = stored.values
    if mask.ndim == 3 and mask.size:
        if (np.ptp(mask, axis=2) > step if step else mask != mask[..., :1]).any():
            raise ValueError(
                f"{path}: a mask must be one channel of whole numbers; this one has "
                f"{mask.shape[2]} different channels{_colors(mask)}; give the class of each color "
                "in competition.format.labels: {name: values, classes: {'#ff0000': 1}}, or save "
                "class numbers instead"
            )
        mask = mask[..., 0]
    if mask.ndim != 2 or not mask.size:
        raise ValueError(
            f"{path}: a mask must be height x width; this one has the shape {mask.shape}"
        )
    if mask.dtype.kind == "f" and (mask != np.floor(mask)).any():
        raise ValueError(
            f"{path}: a mask must hold whole numbers; this one holds fractions; save class numbers"
        )
    if mask.min() < 0 or mask.max() > 65535:
        raise ValueError(
            f"{path}: mask values must be from 0 to 65535; here they are from {mask.min()} to "
            f"{mask.max()}"
        )
    return _upright(mask.astype(np.uint8 if mask.max() < 256 else np.uint16, copy=False), stored)


def _colors(mask_HWC: np.ndarray) -> str:
    """Return the most frequent colors of an RGB mask, as text for a message."""
    if mask_HWC.shape[2] != 3 or mask_HWC.dtype != np.uint8:
        return ""
    numbers, counts = np.unique(mask_HWC.reshape(-1, 3) @ (65536, 256, 1), return_counts=True)
    common = numbers[np.argsort(-counts, kind="stable")[:MOST_COLORS]].tolist()
    more = f" and {len(numbers) - len(common)} more" * (len(numbers) > len(common))
    return f" (colors {', '.join(f'#{color:06x}' for color in common)}{more})"


def decode_layers(path: Path, above: int | None = None) -> np.ndarray:
    """Return layers_HWC (bool) of a mask with one channel per class, where classes may overlap.

    Every value that is not 0, or is above `above`, belongs to the class; H x W is one layer. Raises
    ValueError when the mask is unreadable or not finite, when it is lossy and `above` is None, and
    for an alpha channel, which might be a layer.
    """
    stored = read_stored(path)
    if above is None:
        _check_exact(stored, path)
    if stored.hidden is not None:
        raise ValueError(
            f"{path}: has an alpha channel (which hides {stored.hidden} px); it may be a class or "
            "not; save the mask as .npy, or without alpha"
        )
    layers = stored.values[..., None] if stored.values.ndim == 2 else stored.values
    if layers.ndim != 3 or not layers.size:
        raise ValueError(
            f"{path}: a mask of overlapping classes must be height x width (x classes); this one "
            f"has the shape {layers.shape}"
        )
    _check_finite(layers, path)
    return _upright(layers != 0 if above is None else layers > above, stored)


def read_stored(path: Path) -> Stored:
    """Return the numbers of an image file, or of a page such as `stack.tif#3`, as they are stored.
    The file's content, not its name, decides how it is read. Raises ValueError when it is
    unreadable."""
    page = page_of(path)
    if page is not None:
        return read_page(*page)
    refuse_special(path)
    try:
        with path.open("rb") as file:
            head = file.read(132)
    except OSError as error:
        raise unreadable(path, str(error.strerror)) from None
    if not head:
        raise unreadable(path, "the file is empty")
    if path.suffix.lower() == ".npy":
        return read_npy(path)
    if is_dicom(head):  # checked first: slides may be DICOM and TIFF at once
        return read_dicom(path)
    if is_tiff(head):
        return read_tiff(path)
    return read_pillow(path)


def as_image(stored: Stored, path: Path) -> np.ndarray:
    """Return image_HWC, like `decode_image`, from the content of a file that has been read already.
    `path` names the file in errors. Raises ValueError for hidden pixels,
    for values that are not finite, and for another shape than an image's."""
    image, hidden = stored.values, stored.hidden or 0
    if stored.palette is not None:
        image = stored.palette[image]
        if image.shape[-1] == 4:
            hidden += int((image[..., 3] != 255).sum())
            image = image[..., :3]
    _check_shown(hidden, path)
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or not image.size:
        raise ValueError(
            f"{path}: an image must be height x width (x channels); this one has the shape "
            f"{image.shape}"
        )
    if image.dtype == bool:
        image = image.astype(np.uint8) * 255
    if stored.stretch > 1:
        image = image * np.uint8(stored.stretch)
    _check_finite(image, path)
    return _upright(image, stored)


def _upright(array: np.ndarray, stored: Stored) -> np.ndarray:
    # PNG and TIFF files may hold big-endian numbers, which torch does not accept.
    turned = TURNS[stored.orientation](array)
    return np.ascontiguousarray(turned, dtype=array.dtype.newbyteorder("="))


def _check_exact(stored: Stored, path: Path) -> None:
    if stored.lossy:
        raise ValueError(
            f"{path}: a mask must not be {stored.lossy}, which is lossy and changes class numbers; "
            "use the original mask as PNG or plain TIFF, or set competition.format.labels: {name: "
            "threshold} for dark and bright pixels, or {name: nearest, classes: {'#ff0000': 1}} "
            "with the class of each color"
        )


def _check_shown(hidden: int, path: Path) -> None:
    if hidden:
        raise ValueError(
            f"{path}: its alpha channel hides {hidden} px; save it without alpha, so that these "
            "pixels are visible (TIFF: as an unspecified extra sample, if it is not alpha)"
        )


def _check_finite(array: np.ndarray, path: Path) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        count = int(np.size(array) - np.isfinite(array).sum())
        raise ValueError(f"{path}: {count} values are not finite; replace them")
