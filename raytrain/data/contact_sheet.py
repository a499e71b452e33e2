"""A contact sheet: many images with their masks in one picture, for a quick look at the data."""

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from raytrain.config.target import Target, layer

CELL = 160
"""Length of an image's longer side in pixels."""
CAPTION, GAP = 18, 6
COLOURS = (
    (255, 99, 71), (64, 160, 255), (60, 200, 90), (255, 200, 40), (200, 110, 255), (0, 210, 210),
    (255, 130, 190), (160, 130, 90),
)  # fmt: skip
"""Colors of the classes 1, 2, ...; they repeat."""


def contact_sheet(
    images: list[np.ndarray], masks: list[np.ndarray | None], titles: list[str], columns: int,
    classes: int, target: Target,
) -> Image.Image:  # fmt: skip
    """Return a picture of images HWC of any type, stretched between their 1st and 99th percentile.

    The classes of their masks HW are drawn as outlines, with a title below each image.
    """
    columns = max(1, min(columns, len(images)))
    rows = -(-len(images) // columns)
    step_x, step_y = CELL + GAP, CELL + CAPTION + GAP
    sheet = Image.new("RGB", (columns * step_x + GAP, rows * step_y + GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for number, (image, mask, title) in enumerate(zip(images, masks, titles, strict=True)):
        x, y = GAP + number % columns * step_x, GAP + number // columns * step_y
        layers = [] if mask is None else [layer(mask, k, target) for k in range(1, classes)]
        picture = _cell(image, layers)
        sheet.paste(Image.fromarray(picture), (x, y))
        draw.text((x, y + CELL + 2), _shortened(title, font), fill="black", font=font)
    return sheet


def _cell(image_HWC: np.ndarray, layers: list[np.ndarray]) -> np.ndarray:
    """Return the image as RGB uint8, its longer side CELL pixels, with each class outlined."""
    picture = _visible(image_HWC)
    height, width = picture.shape[:2]
    scale = CELL / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    picture = cv2.resize(picture, size, interpolation=method)
    for place, layer_HW in enumerate(layers):
        inside = cv2.resize(layer_HW.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT)
        outlines, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, COLOURS[place % len(COLOURS)], 1)
    return picture


def _visible(image_HWC: np.ndarray) -> np.ndarray:
    planes = image_HWC if image_HWC.shape[2] == 3 else image_HWC[..., :1]
    values = planes.astype(np.float64)
    low, high = np.percentile(values, [1, 99])
    stretched = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
    picture = np.round(255 * stretched).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))


def _shortened(title: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Return the title, with its middle left out if it is wider than a cell."""
    shown = title
    while len(shown) > 3 and font.getlength(shown) > CELL:
        keep = (len(shown) - 2) // 2
        shown = f"{title[:keep]}\u2026{title[-keep:]}"
    return shown
