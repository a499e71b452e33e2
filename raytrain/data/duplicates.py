"""Near-duplicate images: shifted, mirrored, rotated, brightened or re-encoded copies.

Two similar images (frames of a video, phases of one heart) differ somewhere, but a copy agrees
everywhere. So a pair is aligned and judged by its worst location, not by its mean correlation.
"""

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from sklearn.neighbors import NearestNeighbors

from raytrain.data.strips import gray, strips

SIDE = 64
"""Height and width of the thumbnail in a signature."""

# All lengths are in thumbnail pixels (1 of 64: 1.6 % of the image). The figures below were measured
# on 200 real cardiac slices and on phantoms: 1120 pairs of phases, and 384 copies shifted by up to
# 2 of 96 px in both directions, with one of four fills and brightness x0.9 .. x1.1.
_DETAIL, _OUTLINE = 1.0, 3.0  # finest Gaussian of the band that verifies, and that finds candidates
_OUTLINE_SIDE = 12
# Includes the image itself. Copies shifted by 2 % were the 4th or nearer, even if all share one
# black frame.
_NEIGHBOURS = 9
_FARTHEST = 0.9  # of unit vectors: cosine 0.6; copies shifted by 2 % had 0.84, by 3 % 0.70
_REACH = 4  # largest shift looked for
_LIKELY = 0.8  # cross-correlation worth a closer look: copies had 0.98, unrelated images 0.6
_WINDOW = 3.0  # Gaussian over which the difference is averaged
_WORST = 0.25  # copies had 0.16 at most; the two phases of a heart 0.37 (phantom), 0.57 (real)

_NARROW = 8 * SIDE
"""Width to which the rows of a large image are reduced first. It is a multiple of SIDE, so the
thumbnail's pixels have the same mean as without this step."""

_TURNS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda stack_NHW: stack_NHW,
    lambda stack_NHW: stack_NHW[:, :, ::-1],
    lambda stack_NHW: stack_NHW[:, ::-1],
    lambda stack_NHW: stack_NHW[:, ::-1, ::-1],
    lambda stack_NHW: stack_NHW.transpose(0, 2, 1),
    lambda stack_NHW: stack_NHW.transpose(0, 2, 1)[:, ::-1, ::-1],
    # The quarter turn the other way is this one with the two images exchanged.
    lambda stack_NHW: stack_NHW.transpose(0, 2, 1)[:, ::-1],
)
"""Reflections and quarter turns of thumbnails."""


def signature(image_HWC: np.ndarray) -> np.ndarray:
    """Return a standardized gray thumbnail (SIDE * SIDE float16: 8 kB) of an image HxW or HxWxC.

    Accepts any size and numeric dtype. Channels are averaged, and the sides are scaled separately.
    The mean is 0 and the deviation 1, so brightness and contrast do not matter; a constant
    thumbnail is all 0. Raises ValueError when a value is not finite.
    """
    image_HWC = image_HWC[..., None] if image_HWC.ndim == 2 else image_HWC
    height, width = image_HWC.shape[:2]
    total, largest = 0.0, 0.0
    for rows in strips(image_HWC):
        gray_HW = gray(image_HWC[rows])
        if not np.isfinite(gray_HW).all():
            raise ValueError("the image holds values that are not finite; replace them")
        total += gray_HW.sum()
        largest = max(largest, np.abs(gray_HW).max())
    mean = total / (height * width)
    narrow_HW = np.empty((height, min(width, _NARROW)))
    for rows in strips(image_HWC):
        # Resizing rounds. After the mean is subtracted, the error is proportional to the contrast.
        gray_HW = gray(image_HWC[rows]) - mean
        size = narrow_HW.shape[1], len(gray_HW)
        narrow_HW[rows] = cv2.resize(gray_HW, size, interpolation=cv2.INTER_AREA)
    small_HW = cv2.resize(narrow_HW, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    deviation = small_HW.std()
    if deviation <= 1e-9 * largest:  # nothing but rounding
        return np.zeros(SIDE * SIDE, np.float16)
    return ((small_HW - small_HW.mean()) / deviation).astype(np.float16).ravel()


def near_duplicates(signatures_ND: np.ndarray) -> list[tuple[int, int]]:
    """Return sorted pairs (i, j), i < j, of rows (signatures) that show the same picture.

    It finds copies that are shifted by up to 3 % of the image (in both directions at once),
    mirrored or turned by 90 degrees, or that differ in brightness, contrast, size, mild noise or
    compression, and combinations of these. It misses negatives, crops, and zooms or rotations by
    more than 1 % or 1 degree.
    Constant images match nothing. With more than 8 copies of one picture, each is compared only
    with its 8 nearest, so some pairs may be missing.

    Candidates are nearest neighbors of coarse outlines. Each is aligned by normalized
    cross-correlation (Lewis, Fast Normalized Cross-Correlation, 1995) with a parabola through its
    peak, and judged by the locally averaged squared difference. Both steps compare band-passed
    thumbnails with equalized local contrast (Jarrett et al., ICCV 2009, section 2), so that a frame
    or caption that all images share does not decide.

    20,000 images took 50 s on one core, or 135 s if all have one black frame, and 0.6 GB in all.
    Time grows with N * N, and memory with N (10 kB per image in addition to the signatures).
    """
    shown_N = np.flatnonzero(signatures_ND.any(axis=1))
    if len(shown_N) < 2:
        return []
    # float16 halves the largest array; relevant differences are far above its rounding.
    detail_NHW = np.empty((len(shown_N), SIDE, SIDE), np.float16)
    outline_NHW = np.empty((len(shown_N), _OUTLINE_SIDE, _OUTLINE_SIDE), np.float32)
    for row, origin in enumerate(shown_N):
        thumbnail_HW = signatures_ND[origin].reshape(SIDE, SIDE).astype(np.float32)
        detail_NHW[row] = _band(thumbnail_HW, _DETAIL)
        outline_NHW[row] = _outline(thumbnail_HW)
    found: set[tuple[int, int]] = set()
    for turn in _TURNS:
        for i, j in _candidates(turn(outline_NHW), outline_NHW):
            pair = (min(i, j), max(i, j))
            if pair not in found and _agree(turn(detail_NHW[i : i + 1])[0], detail_NHW[j]):
                found.add(pair)
    return sorted((int(shown_N[i]), int(shown_N[j])) for i, j in found)


def _candidates(turned_NHW: np.ndarray, outline_NHW: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield the row of each turned outline, and the rows of the outlines that resemble it most,
    except the outline itself."""
    count = len(outline_NHW)
    # Brute force: trees do not help in 144 dimensions, and its memory does not grow as N x N.
    nearest = NearestNeighbors(n_neighbors=min(_NEIGHBOURS, count), algorithm="brute")
    nearest.fit(outline_NHW.reshape(count, -1))
    distance_NK, other_NK = nearest.kneighbors(turned_NHW.reshape(count, -1))
    for i, k in np.argwhere(distance_NK <= _FARTHEST).tolist():
        if i != other_NK[i, k]:
            yield i, int(other_NK[i, k])


def _band(thumbnail_HW: np.ndarray, sigma: float) -> np.ndarray:
    """Return the structure of the thumbnail between `sigma` and 2 `sigma` px, with about the same
    strength everywhere."""
    blurred = (cv2.GaussianBlur(thumbnail_HW, (0, 0), scale * sigma) for scale in (1, 2))
    band_HW = next(blurred) - next(blurred)
    strength_HW = np.sqrt(cv2.GaussianBlur(band_HW**2, (0, 0), 6 * sigma))
    # The added terms keep empty background empty.
    return band_HW / (strength_HW + 0.25 * band_HW.std() + 1e-9)


def _outline(thumbnail_HW: np.ndarray) -> np.ndarray:
    """Return a coarse picture as a vector of length 1. A small shift hardly changes it."""
    size = (_OUTLINE_SIDE, _OUTLINE_SIDE)
    small_HW = cv2.resize(_band(thumbnail_HW, _OUTLINE), size, interpolation=cv2.INTER_AREA)
    small_HW -= small_HW.mean()
    return small_HW / (np.linalg.norm(small_HW) + 1e-9)


def _agree(first_HW: np.ndarray, second_HW: np.ndarray) -> bool:
    """Return whether two band-passed thumbnails agree everywhere after the best small shift."""
    first_HW, second_HW = (np.ascontiguousarray(a, np.float32) for a in (first_HW, second_HW))
    inner = slice(_REACH, -_REACH)
    match_YX = cv2.matchTemplate(first_HW, second_HW[inner, inner], cv2.TM_CCOEFF_NORMED)
    y, x = np.unravel_index(match_YX.argmax(), match_YX.shape)
    if not match_YX[y, x] >= _LIKELY:
        return False
    shift = (_vertex(match_YX[y], x) - _REACH, _vertex(match_YX[:, x], y) - _REACH)
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    moved_HW = cv2.warpAffine(first_HW, move, (SIDE, SIDE), flags=how)
    inner = slice(_REACH + 1, -_REACH - 1)  # interpolation reads one pixel further
    a_HW, b_HW = (_standardised(plane_HW[inner, inner]) for plane_HW in (moved_HW, second_HW))
    worst = cv2.GaussianBlur((a_HW - b_HW) ** 2 / 2, (0, 0), _WINDOW).max()
    # Two empty planes do not differ, but they show nothing either.
    return bool((a_HW * b_HW).mean() >= _LIKELY and worst <= _WORST)


def _standardised(plane_HW: np.ndarray) -> np.ndarray:
    return (plane_HW - plane_HW.mean()) / (plane_HW.std() + 1e-9)


def _vertex(values: np.ndarray, peak: int) -> float:
    """Return the position of the maximum of the parabola through the peak and its two neighbors."""
    if not 0 < peak < len(values) - 1:
        return float(peak)
    left, top, right = values[peak - 1 : peak + 2]
    bend = left - 2 * top + right
    return float(peak + 0.5 * (left - right) / bend) if bend < 0 else float(peak)
