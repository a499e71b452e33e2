"""A contact sheet: many images with their masks in one picture, for a quick look at the data."""

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from raytrain.config.target import Target, layer
from raytrain.data.strips import roomy, strips

CELL = 160
"""Length of an image's longer side in pixels."""
CAPTION, GAP = 18, 6
COLOURS = (
    (255, 99, 71), (64, 160, 255), (60, 200, 90), (255, 200, 40), (200, 110, 255), (0, 210, 210),
    (255, 130, 190), (160, 130, 90),
)  # fmt: skip
"""Colors of the classes 1, 2, ... Further classes begin again with the first color."""


def contact_sheet(pictures: list[np.ndarray], titles: list[str], columns: int) -> Image.Image:
    """Return one picture that shows all `pictures` (as `cell` returns them) in this number of
    columns, each with its title below it."""
    columns = max(1, min(columns, len(pictures)))
    rows = -(-len(pictures) // columns)
    step_x, step_y = CELL + GAP, CELL + CAPTION + GAP
    sheet = Image.new("RGB", (columns * step_x + GAP, rows * step_y + GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for number, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
        x, y = GAP + number % columns * step_x, GAP + number // columns * step_y
        sheet.paste(Image.fromarray(picture), (x, y))
        draw.text((x, y + CELL + 2), _shortened(title, font), fill="black", font=font)
    return sheet


def cell(
    image_HWC: np.ndarray, mask_HW: np.ndarray | None, classes: int, target: Target
) -> np.ndarray:
    """Return an image of any type as RGB uint8, stretched between its 1st and 99th percentile, with
    the outlines of its mask's classes. The longer side has CELL pixels."""
    picture = _sized(image_HWC)
    if mask_HW is None:
        return picture
    mask_HW = _mask_like(picture, mask_HW)
    for number in range(1, classes):
        inside = layer(mask_HW, number, target).astype(np.uint8)
        outlines, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, COLOURS[(number - 1) % len(COLOURS)], 1)
    return picture


def marked_cell(image_HWC: np.ndarray, marked_HW: np.ndarray) -> np.ndarray:
    """Return an image as RGB uint8, as `cell` does, with the marked pixels (bool) in red instead of
    outlines."""
    picture = _sized(image_HWC)
    picture[_mask_like(picture, marked_HW.astype(np.uint8)) > 0] = COLOURS[0]
    return picture


def _sized(image_HWC: np.ndarray) -> np.ndarray:
    """Return the image as RGB in 8 bits. The longer side has CELL pixels."""
    picture = _visible(image_HWC)
    height, width = picture.shape[:2]
    scale = CELL / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    picture = cv2.resize(picture, size, interpolation=method)
    return np.broadcast_to(np.atleast_3d(picture), (*picture.shape[:2], 3)).copy()


def _mask_like(picture: np.ndarray, mask_HW: np.ndarray) -> np.ndarray:
    size = picture.shape[1::-1]
    return cv2.resize(mask_HW, size, interpolation=cv2.INTER_NEAREST_EXACT)


def _visible(image_HWC: np.ndarray) -> np.ndarray:
    """Return the image stretched to uint8, with three channels if the image has three, else with
    one."""
    planes = image_HWC if image_HWC.shape[2] == 3 else image_HWC[..., :1]
    values = planes.astype(roomy(planes.dtype))
    low, high = np.percentile(values, [1, 99], overwrite_input=True)
    picture_HWC = np.empty(planes.shape, np.uint8)
    for rows in strips(planes):
        stretched = (planes[rows].astype(np.float64) - low) / max(high - low, 1e-12)
        picture_HWC[rows] = np.round(255 * np.clip(stretched, 0, 1))
    return picture_HWC


def _shortened(title: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Return the title. If it is wider than a cell, its middle is left out."""
    shown = title
    while len(shown) > 3 and font.getlength(shown) > CELL:
        keep = (len(shown) - 2) // 2
        shown = f"{title[:keep]}\u2026{title[-keep:]}"
    return shown
