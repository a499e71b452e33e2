"""The facts about one decoded sample that `check` needs."""

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
from raytrain.data.strips import strips


@dataclass(frozen=True)
class Seen:
    """The facts about one decoded sample."""

    row: dict[str, Any]
    kind: tuple[int, str]
    """Number of channels and dtype of the image."""
    image_digest: str
    digest: str
    """Hash of the decoded image and mask. It goes into the fingerprint of the data."""
    low: float
    high: float
    signature: np.ndarray
    statistics: np.ndarray
    disagreements: list[str]
    """Files that another decoder reads differently."""


def see(competition: CompetitionSpec, root: Path, sample: Found, group: str) -> Seen:
    """Return the facts about a sample, from reading its image and mask. Raises ValueError that
    lists the problems of both."""
    facts = _facts(*_read(competition, root, sample), competition)
    facts["row"] = {
        "id": sample.id, "split": sample.split, "group": group,
        "image": "\n".join(sample.image), "mask": "\n".join(sample.mask), **facts["row"],
    }  # fmt: skip
    # Image and mask are free again before other decoders read them.
    # Data inside a stack or a table has one decoder only.
    paths = [root / address for address in (*sample.image, *sample.mask)]
    opinions = [decoder_disagreement(path) for path in paths if path.is_file()]
    return Seen(**facts, disagreements=[text for text in opinions if text])


def _read(
    competition: CompetitionSpec, root: Path, sample: Found
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return image_HWC and mask_HW, None for a sample without a mask. Raises ValueError that lists
    the problems of both."""
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
    return image, mask


def _facts(
    image: np.ndarray, mask: np.ndarray | None, competition: CompetitionSpec
) -> dict[str, Any]:
    """Return the fields of Seen that are computed from image and mask."""
    height, width, channels = image.shape
    classes, target = len(competition.classes), competition.target
    mean_C, square_C = _means(image)
    pixels, ignored = [0] * classes, 0
    if mask is not None:
        pixels = class_pixels(mask, classes, target)
        if target == "single_label":
            ignored = sum(int((mask[rows] == IGNORE).sum()) for rows in strips(mask))
    row = {
        "height": height, "width": width,
        **{f"mean_{c}": value for c, value in enumerate(mean_C.tolist())},
        **{f"square_{c}": value for c, value in enumerate(square_C.tolist())},
        **{f"pixels_{k}": count for k, count in enumerate(pixels)},
        "ignored": ignored,
    }  # fmt: skip
    image_digest, digest = _digests(image, mask)
    return {
        "row": row, "kind": (channels, str(image.dtype)), "image_digest": image_digest,
        "digest": digest, "low": float(image.min()), "high": float(image.max()),
        "signature": signature(image), "statistics": simple_statistics(image),
    }  # fmt: skip


def _means(image_HWC: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of the values and of their squares, per channel (float64)."""
    channels = image_HWC.shape[2]
    sum_C, squares_C = np.zeros(channels), np.zeros(channels)
    for rows in strips(image_HWC):
        values_NC = image_HWC[rows].reshape(-1, channels).astype(np.float64)
        sum_C += values_NC.sum(0)
        squares_C += (values_NC**2).sum(0)
    pixels = image_HWC.size // channels
    return sum_C / pixels, squares_C / pixels


def _turned(root: Path, address: str) -> str:
    """Return a hint if an image's orientation tag swaps its sides."""
    path = root / address
    tag = read_stored(path).orientation if path.is_file() and "#" not in address else 1
    return f" (its orientation tag {tag} turns the image)" if tag >= 5 else ""


def _digests(image: np.ndarray, mask: np.ndarray | None) -> tuple[str, str]:
    """Return the digest of the image, and the digest of image and mask together."""
    digest, found = hashlib.sha256(), []
    for array in (image, mask):
        if array is not None:
            digest.update(f"{array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).data)
        found.append(digest.hexdigest())
    return found[0], found[1]
