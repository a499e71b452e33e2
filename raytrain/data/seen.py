"""One decoded sample, reduced to what `check` needs."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from raytrain.config.competition import CompetitionSpec
from raytrain.config.target import IGNORE
from raytrain.data.decode import read_stored
from raytrain.data.duplicates import signature
from raytrain.data.index import Found
from raytrain.data.labels import class_pixels
from raytrain.data.samples import read_image, read_mask
from raytrain.data.second_opinion import decoder_disagreement
from raytrain.data.shift import simple_statistics


@dataclass(frozen=True)
class Seen:
    """The facts about one decoded sample."""

    row: dict[str, Any]
    kind: tuple[int, str]
    """Channels and dtype."""
    image_digest: str
    digest: str
    """Digest of image and mask."""
    low: float
    high: float
    signature: np.ndarray
    statistics: np.ndarray
    disagreements: list[str]
    """Files that another decoder reads differently."""


def see(competition: CompetitionSpec, root: Path, sample: Found, group: str) -> Seen:
    """Read a sample. Raises ValueError that lists what is wrong with image and mask."""
    problems = []
    image = mask = None
    try:
        image = read_image(root, sample.image)
    except ValueError as error:
        problems.append(str(error))
    # A mask's size is compared with its image's, so the mask is not read if the image is
    # unreadable.
    if sample.mask and image is not None:
        try:
            mask = read_mask(
                competition.format, root, sample.mask, image.shape[:2], competition.classes,
                competition.target,
            )  # fmt: skip
        except ValueError as error:
            problems.append(f"{error}{_turned(root, sample.image[0])}")
    if problems or image is None:
        raise ValueError("\n".join(problems))
    height, width, channels = image.shape
    flat = image.reshape(-1, channels).astype(np.float64)
    classes, target = len(competition.classes), competition.target
    pixels = [0] * classes if mask is None else class_pixels(mask, classes, target)
    ignored = 0 if mask is None or target == "multi_label" else int((mask == IGNORE).sum())
    row = {
        "id": sample.id, "split": sample.split, "group": group,
        "image": "\n".join(sample.image), "mask": "\n".join(sample.mask),
        "height": height, "width": width,
        **{f"mean_{c}": value for c, value in enumerate(flat.mean(0).tolist())},
        **{f"square_{c}": value for c, value in enumerate((flat**2).mean(0).tolist())},
        **{f"pixels_{k}": count for k, count in enumerate(pixels)},
        "ignored": ignored,
    }  # fmt: skip
    return Seen(
        row, (channels, str(image.dtype)), _digest(image), _digest(image, mask), float(image.min()),
        float(image.max()), signature(image), simple_statistics(image),
        [text for a in (*sample.image, *sample.mask) if (text := _second_opinion(root, a))],
    )  # fmt: skip


def _turned(root: Path, address: str) -> str:
    """Return a hint if an image's orientation tag swaps its sides."""
    path = root / address
    tag = read_stored(path).orientation if path.is_file() and "#" not in address else 1
    return f" (its orientation tag {tag} turns the image)" if tag >= 5 else ""


def _second_opinion(root: Path, address: str) -> str | None:
    # Data inside a stack or a table has one decoder only.
    return decoder_disagreement(root / address) if (root / address).is_file() else None


def _digest(*arrays: np.ndarray | None) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(f"{array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
