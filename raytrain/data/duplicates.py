"""Near duplicates: the same picture but for a small shift, another brightness or a mirror.

Candidates have alike thumbnails; each is then aligned to its partner and compared in detail. What
tells a copy from a mere neighbour (the next frame, the other phase of a heart) is the fine
structure: noise and texture agree only when both came from one recording.

Shape suffixes: N images, D values of a signature.
"""

import cv2
import numpy as np

SIDE = 64
"""Pixels of a signature's side."""
COARSE = 12
BLOCK = 2048
"""Images that are compared with all others at once: it bounds the memory."""
ALIKE = 0.93
"""Correlation of coarse thumbnails from which two images are looked at in detail; copies shifted
by 2 of 96 px have .949 and more."""
PARTNERS = 5
"""Most candidates an image, the likeliest ones."""
CORRELATION, DETAIL = 0.99, 0.93
"""Correlation after alignment, of the whole and of what a blur takes away. On drawn slices, copies
had .996/.959 and more, other images .986/.896 and less; on 200 cardiac slices copies .998/.984,
others .80/.39; on 612 video frames of other sequences .94/.85."""
FURTHEST = 4.0
"""Greatest shift, in pixels of the signature."""
LIMIT = 30_000
"""Images up to which it is quick: time grows with their square (minutes at 20,000)."""


def signature(image_HWC: np.ndarray) -> np.ndarray:
    """Gray thumbnail as D float16 values of zero mean and unit deviation; zero for one colour."""
    gray_HW = image_HWC.astype(np.float32).mean(2)
    small = cv2.resize(gray_HW, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    small = small - small.mean()
    return (small / max(float(small.std()), 1e-6)).astype(np.float16).ravel()


def near_duplicates(signatures_ND: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of rows that are the same picture, sorted.

    Alignment by the enhanced correlation coefficient (Evangelidis & Psarakis 2008).
    """
    thumbs = signatures_ND.reshape(-1, SIDE, SIDE)
    found = [pair for pair in sorted(_candidates(thumbs)) if _same_picture(thumbs, *pair)]
    return sorted({(first, other) for first, other, _ in found})


def _mirrored(thumb: np.ndarray, mirror: int) -> np.ndarray:
    """0: as it is, 1: left-right, 2: top-bottom, 3: both."""
    return thumb[:: -1 if mirror & 2 else 1, :: -1 if mirror & 1 else 1]


def _coarse(thumb: np.ndarray) -> np.ndarray:
    blurred = cv2.GaussianBlur(thumb.astype(np.float32), (0, 0), 2.5)
    values = cv2.resize(blurred, (COARSE, COARSE), interpolation=cv2.INTER_AREA).ravel()
    values = values - values.mean()
    return values / max(float(np.linalg.norm(values)), 1e-6)


def _candidates(thumbs: np.ndarray) -> set[tuple[int, int, int]]:
    """(i, j, mirror of j) with i < j, of alike images."""
    plain_ND = np.stack([_coarse(thumb) for thumb in thumbs])
    found: set[tuple[int, int, int]] = set()
    for mirror in range(4):
        other_ND = np.stack([_coarse(_mirrored(thumb, mirror)) for thumb in thumbs])
        for start in range(0, len(thumbs), BLOCK):
            alike = plain_ND[start : start + BLOCK] @ other_ND.T
            rows = np.arange(start, start + len(alike))
            alike[np.arange(len(alike)), rows] = -1  # itself
            top = np.argsort(alike, axis=1)[:, -PARTNERS:]
            for i, partners in zip(rows.tolist(), top.tolist(), strict=True):
                found |= {
                    (min(i, j), max(i, j), mirror) for j in partners if alike[i - start, j] >= ALIKE
                }
    return found


def _same_picture(thumbs: np.ndarray, first: int, other: int, mirror: int) -> bool:
    still = thumbs[first].astype(np.float32)
    moving = np.ascontiguousarray(_mirrored(thumbs[other], mirror), dtype=np.float32)
    move = np.eye(2, 3, dtype=np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-4)
    try:
        _, move = cv2.findTransformECC(
            still, moving, move, cv2.MOTION_TRANSLATION, criteria, None, 1
        )
    except cv2.error:  # it found no shift that helps
        return False
    if np.abs(move[:, 2]).max() > FURTHEST:
        return False
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(moving, move, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REFLECT)
    if _correlation(still, moved) < CORRELATION:
        return False
    return _correlation(_fine(still), _fine(moved)) >= DETAIL


def _fine(thumb: np.ndarray) -> np.ndarray:
    return thumb - cv2.GaussianBlur(thumb, (0, 0), 1.5)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Of the parts that both show whatever the shift."""
    edge = int(FURTHEST) + 1
    inside = slice(edge, SIDE - edge)
    a, b = (array[inside, inside] - array[inside, inside].mean() for array in (a, b))
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum()) / norm if norm > 1e-6 else 0.0
