"""Pictures for the page: images in 8 bits, masks drawn on images, and PNG as data URLs."""

import base64
import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from raytrain.config.target import Target, layer
from raytrain.report.palette import class_color

SIDE_PX = 288
"""Longer side of a picture, in px. Small images are enlarged by repeating pixels, and large images
are reduced."""
FILL = 0.38
"""Opacity of the class color inside an outline."""
MOST_PX = 4 * SIDE_PX
"""Longer side of the images from which a report draws, in px. Larger ones would take gigabytes."""
ROWS = 512
"""Number of rows that are tinted at once."""


def thinned(array: np.ndarray, most: int = MOST_PX) -> np.ndarray:
    """Return evenly spread rows and columns of an image_HWC or mask_HW, so that its longer side has
    at most `most` pixels. A smaller array is returned unchanged."""
    side = max(array.shape[:2])
    if side <= most:
        return array
    rows, columns = (
        (np.arange(count) + 0.5) * length / count
        for length, count in zip(array.shape[:2], _reduced(array, most), strict=True)
    )
    return array[rows.astype(int)][:, columns.astype(int)]


def visible(image: np.ndarray) -> np.ndarray:
    """Return image_HW3 (uint8) of an image_HWC: gray, color or the first channel. Values
    other than bytes are stretched between the 0.5th and 99.5th percentile of evenly spread
    pixels."""
    image = image[..., :3] if image.shape[2] in (3, 4) else image[..., 0]
    if image.dtype != np.uint8:
        low, high = np.percentile(thinned(image).astype(np.float64), [0.5, 99.5])
        stretched = np.empty(image.shape, np.uint8)
        for rows in _strips(image):
            share = (image[rows].astype(np.float64) - low) / max(high - low, 1e-12)
            stretched[rows] = np.round(255 * np.clip(share, 0, 1))
        image = stretched
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image


def picture(image_HW3: np.ndarray) -> str:
    """Return the image without a mask, as a data URL."""
    return _png(_sized(image_HW3))


def overlay(image_HW3: np.ndarray, mask_HW: np.ndarray, classes: int, target: Target) -> str:
    """Return the image as a data URL, with the pixels of each class tinted and their border
    outlined."""
    mask_HW = _enlarged(thinned(mask_HW, SIDE_PX))
    return _png(overlaid(_sized(image_HW3), mask_HW, classes, target))


def overlaid(
    image_HW3: np.ndarray, mask_HW: np.ndarray, classes: int, target: Target
) -> np.ndarray:
    """Return the image (uint8) with the pixels of each class tinted and their border outlined."""
    picture = image_HW3.copy()
    colors = [class_color(number) for number in range(1, classes)]
    rgbs = [np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) for color in colors]
    for rows in _strips(picture):
        above = min(rows.start, 1)  # an edge is seen from the rows on both sides
        near_HW = mask_HW[rows.start - above : rows.stop + 1]
        strip = picture[rows].astype(np.float64)
        for number, rgb in enumerate(rgbs, 1):
            inside = layer(mask_HW[rows], number, target)
            strip[inside] = (1 - FILL) * strip[inside] + FILL * rgb
        for number, rgb in enumerate(rgbs, 1):
            inside = layer(near_HW, number, target)
            strip[(inside & _edge(inside))[above : above + len(strip)]] = rgb
        picture[rows] = np.round(strip)
    return picture


def _strips(array: np.ndarray) -> Iterator[slice]:
    height = len(array)
    return (slice(top, min(top + ROWS, height)) for top in range(0, height, ROWS))


def _edge(mask_HW: np.ndarray) -> np.ndarray:
    """Return the pixels that differ from their right, lower, left or upper neighbor."""
    edge = np.zeros(mask_HW.shape, bool)
    down, right = mask_HW[1:] != mask_HW[:-1], mask_HW[:, 1:] != mask_HW[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    return edge


def _sized(image_HW3: np.ndarray) -> np.ndarray:
    height, width = _reduced(image_HW3, SIDE_PX)
    if max(image_HW3.shape[:2]) <= SIDE_PX:
        return _enlarged(image_HW3)
    box = Image.Resampling.BOX
    return np.asarray(Image.fromarray(image_HW3).resize((width, height), box))


def _enlarged(array: np.ndarray) -> np.ndarray:
    times = SIDE_PX // max(array.shape[:2])
    return array.repeat(times, axis=0).repeat(times, axis=1)


def _reduced(array: np.ndarray, most: int) -> list[int]:
    """Return height and width when the longer side is reduced to `most`."""
    side = max(array.shape[:2])
    return [max(1, round(length * most / side)) for length in array.shape[:2]]


def _png(image_HW3: np.ndarray) -> str:
    out = io.BytesIO()
    Image.fromarray(image_HW3).save(out, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
