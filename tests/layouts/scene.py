"""Pictures with objects whose every pixel is known, and the run lengths of their masks."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

Masks = dict[str, np.ndarray]
"""Name of a labeled image -> its mask (H, W), as raytrain must read it."""


def blobs(rng: np.random.Generator, size_HW: tuple[int, int], count: int) -> list[np.ndarray]:
    """Return `count` masks (H, W) bool of ellipses that do not touch each other."""
    found: list[np.ndarray] = []
    taken_HW = np.zeros(size_HW, np.uint8)
    while len(found) < count:
        height, width = size_HW
        center = rng.uniform([3, 3], [width - 3, height - 3])
        axes = rng.uniform(0.12, 0.28, 2) * min(size_HW)
        canvas_HW = np.zeros(size_HW, np.uint8)
        cv2.ellipse(canvas_HW, (center, 2 * axes, float(rng.uniform(0, 180))), 1, -1)
        around_HW = cv2.dilate(canvas_HW, np.ones((5, 5), np.uint8))
        if canvas_HW.sum() < 8 or (around_HW & taken_HW).any():
            if rng.random() < 0.02:  # no room is left
                found, taken_HW = [], np.zeros(size_HW, np.uint8)
            continue
        taken_HW |= canvas_HW
        found.append(canvas_HW.astype(bool))
    return found


def labelled(objects: Iterable[tuple[int, np.ndarray]], size_HW: tuple[int, int]) -> np.ndarray:
    """Return mask_HW (uint8) of (class, object_HW) pairs."""
    mask_HW = np.zeros(size_HW, np.uint8)
    for number, object_HW in objects:
        mask_HW[object_HW] = number
    return mask_HW


def picture(rng: np.random.Generator, mask_HW: np.ndarray) -> np.ndarray:
    """Return image_HW (uint8) in which every class has its own brightness, with texture."""
    coarse = rng.normal(size=(5, 5)).astype(np.float32)
    texture_HW = cv2.resize(coarse, mask_HW.shape[::-1], interpolation=cv2.INTER_CUBIC)
    bright_HW = 60 + 45.0 * (mask_HW % 5) + 18 * texture_HW + rng.normal(0, 5, mask_HW.shape)
    return np.clip(bright_HW, 0, 255).astype(np.uint8)


def rgb(image_HW: np.ndarray) -> np.ndarray:
    """Return image_HW3 of three equal channels."""
    return np.repeat(image_HW[..., None], 3, axis=2)


def runs(mask_HW: np.ndarray, order: str = "F") -> str:
    """Return `start length` pairs from 1 on, down the columns (F) or along the rows (C)."""
    flat = np.concatenate([[0], mask_HW.astype(bool).ravel(order=order), [0]])  # type: ignore[call-overload]
    edges = np.flatnonzero(np.diff(flat)) + 1
    edges[1::2] -= edges[::2]
    return " ".join(map(str, edges))


def write(path: Path, array: np.ndarray | Image.Image) -> None:
    """Save an image under a path, in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(path, **({"quality": 95} if path.suffix == ".jpg" else {}))


def write_rows(path: Path, header: str, rows: Iterable[str]) -> None:
    """Write a CSV of finished lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")


def hex_name(rng: np.random.Generator, digits: int = 9) -> str:
    """Return a name such as Kaggle gives."""
    return "".join(rng.choice([*"0123456789abcdef"], digits))
