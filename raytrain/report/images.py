"""Pictures for the page: visible images, mask overlays, and PNG as data addresses."""

import base64
import io

import numpy as np
from PIL import Image

from raytrain.config.target import Target, layer
from raytrain.report.palette import class_color

SIDE_PX = 288
"""Longer side of a picture: small images are enlarged by repeating pixels, large ones reduced."""
FILL = 0.38
"""Opacity of the class color inside an outline."""


def visible(image: np.ndarray) -> np.ndarray:
    """Return image_HW3 (uint8) of an image_HWC: gray, color or the first channel. Types other than
    bytes are stretched between their 0.5th and 99.5th percentile."""
    image = image[..., :3] if image.shape[2] in (3, 4) else image[..., 0]
    if image.dtype != np.uint8:
        values = image.astype(np.float64)
        low, high = np.percentile(values, [0.5, 99.5])
        stretched = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
        image = np.round(255 * stretched).astype(np.uint8)
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image


def picture(image_HW3: np.ndarray) -> str:
    """Return the image alone, as a data address."""
    return _png(_sized(image_HW3, Image.Resampling.BOX))


def overlay(image_HW3: np.ndarray, mask_HW: np.ndarray, classes: int, target: Target) -> str:
    """Return the image with each class tinted, then outlined on top, as a data address."""
    inside = [
        _sized(layer(mask_HW, number, target).astype(np.uint8), Image.Resampling.NEAREST) == 1
        for number in range(1, classes)
    ]
    return _png(_tinted(_sized(image_HW3, Image.Resampling.BOX), inside))


def overlaid(
    image_HW3: np.ndarray, mask_HW: np.ndarray, classes: int, target: Target
) -> np.ndarray:
    """Return the same picture as `overlay`, as an array of the image's own size."""
    return _tinted(image_HW3, [layer(mask_HW, number, target) for number in range(1, classes)])


def _tinted(image_HW3: np.ndarray, layers: list[np.ndarray]) -> np.ndarray:
    """Return the image with the classes 1, 2, ... drawn; each layer is where a class is."""
    picture = image_HW3.astype(np.float64)
    colors = [class_color(number) for number in range(1, len(layers) + 1)]
    rgbs = [np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) for color in colors]
    for inside, rgb in zip(layers, rgbs, strict=True):
        picture[inside] = (1 - FILL) * picture[inside] + FILL * rgb
    for inside, rgb in zip(layers, rgbs, strict=True):
        picture[inside & _edge(inside)] = rgb
    return np.round(picture).astype(np.uint8)


def _edge(mask_HW: np.ndarray) -> np.ndarray:
    """Return the pixels that differ from their right, lower, left or upper neighbor."""
    edge = np.zeros(mask_HW.shape, bool)
    down, right = mask_HW[1:] != mask_HW[:-1], mask_HW[:, 1:] != mask_HW[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    return edge


def _sized(array: np.ndarray, reduced_by: Image.Resampling) -> np.ndarray:
    side = max(array.shape[:2])
    times = SIDE_PX // side
    if times >= 1:
        return array.repeat(times, axis=0).repeat(times, axis=1)
    size = [max(1, round(length * SIDE_PX / side)) for length in array.shape[1::-1]]
    return np.asarray(Image.fromarray(array).resize((size[0], size[1]), reduced_by))


def _png(image_HW3: np.ndarray) -> str:
    out = io.BytesIO()
    Image.fromarray(image_HW3).save(out, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
