"""Phantoms whose labels are partly wrong, in the ways in which labels of real data are."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from raytrain.data.decode import decode_mask
from raytrain.data.index import natural_key

Corrupt = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]
"""mask_HW, the mask of another patient and random draws -> a wrong mask_HW."""
FARTHEST, LEAST_MOVED, THICK = 16, 8, 11
"""Pixels of 96: longest and shortest shift, and the side of the square that erodes or dilates."""


def shifted(mask_HW: np.ndarray, other_HW: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    turn, far = rng.uniform(0, 2 * np.pi), rng.uniform(LEAST_MOVED, FARTHEST)
    move = np.array([[1, 0, far * np.cos(turn)], [0, 1, far * np.sin(turn)]])
    return cv2.warpAffine(mask_HW, move, mask_HW.shape[::-1], flags=cv2.INTER_NEAREST)


def exchanged(mask_HW: np.ndarray, other_HW: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return other_HW


def erased(mask_HW: np.ndarray, other_HW: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    shown = np.setdiff1d(mask_HW, [0])
    return np.where(mask_HW == rng.choice(shown), 0, mask_HW).astype(np.uint8)


def eroded(mask_HW: np.ndarray, other_HW: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    kernel = np.ones((THICK, THICK), np.uint8)
    kept = cv2.erode((mask_HW > 0).astype(np.uint8), kernel)
    return mask_HW * kept


def dilated(mask_HW: np.ndarray, other_HW: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    grown = cv2.dilate(mask_HW, np.ones((THICK, THICK), np.uint8))
    return np.where(mask_HW > 0, mask_HW, grown).astype(np.uint8)


KINDS: dict[str, Corrupt] = {
    "shifted": shifted,
    "exchanged": exchanged,
    "erased": erased,
    "eroded": eroded,
    "dilated": dilated,
}


def corrupt(folder: Path, share: float, seed: int) -> dict[str, str]:
    """Replace a share of the masks of split `train` of a phantom; returns id -> kind of fault."""
    rng = np.random.default_rng(seed)
    paths = sorted((folder / "train" / "mask").iterdir(), key=lambda path: natural_key(path.name))
    masks = [decode_mask(path).astype(np.uint8) for path in paths]
    chosen = rng.choice(len(paths), round(share * len(paths)), replace=False)
    kinds: dict[str, str] = {}
    for number, place in enumerate(chosen.tolist()):
        kind = list(KINDS)[number % len(KINDS)]
        # Two images belong to a patient, and neighbors resemble each other.
        other = masks[(place + len(masks) // 2) % len(masks)]
        wrong = KINDS[kind](masks[place], other, rng)
        cv2.imwrite(str(paths[place]), wrong)
        kinds[paths[place].stem.removesuffix("_mask")] = kind
    return kinds
