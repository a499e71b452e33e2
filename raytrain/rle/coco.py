"""COCO's compressed strings, plain or packed by zlib and base64.

A mask is written as the lengths of its runs, background first. From the fourth on, a length is
written as its difference from the length two places before. A number is written in groups of 5
bits, lowest first. A character is 48 + group, plus 32 when more groups follow, and the highest bit
of the last group is the sign.
"""

import base64
import binascii
import zlib
from functools import cache

import numpy as np
from pycocotools import mask as coco

from raytrain.rle.pairs import PairRules
from raytrain.rle.runs import Runs

GROUPS = 12
"""Largest number of groups of 5 bits in one number: 60 bits."""
SMALL = 50_000
"""Largest total number of pixels of all masks at which pycocotools is faster than numpy."""


def write_coco(runs: Runs, shape_HW: tuple[int, int], rules: PairRules) -> str:
    """Return the compressed string of a mask's maximal runs."""
    del rules
    size = shape_HW[0] * shape_HW[1]
    edges = np.concatenate(([0], np.stack([runs.begins, runs.ends], 1).ravel(), [size]))
    counts = np.diff(edges).tolist()
    if len(counts) > 1 and counts[-1] == 0:
        counts.pop()
    return str(coco.frPyObjects({"counts": counts, "size": shape_HW}, *shape_HW)["counts"], "ascii")


def write_small_coco(image_HW: np.ndarray, count: int) -> list[str]:
    """Return the compressed counts of the masks `image_HW == 1` .. `image_HW == count`, at most
    255. An empty mask has the text ""."""
    number_K11 = np.arange(1, count + 1, dtype=image_HW.dtype)[:, None, None]
    mask_KWH = np.ascontiguousarray(image_HW.T) == number_K11
    found = coco.encode(mask_KWH.view(np.uint8).transpose(2, 1, 0))
    empty = _empty(image_HW.shape)
    return ["" if each["counts"] == empty else str(each["counts"], "ascii") for each in found]


@cache
def _empty(shape_HW: tuple[int, int]) -> bytes:
    return coco.encode(np.zeros(shape_HW, np.uint8, order="F"))["counts"]


def read_coco(text: str, shape_HW: tuple[int, int], rules: PairRules) -> Runs:
    """Return the runs that a compressed string describes.

    Raises ValueError for invalid characters, an incomplete number, a run without pixels, and counts
    that do not fill the image exactly.
    """
    del rules
    height, width = shape_HW
    numbers = numbers_of(text)
    if np.abs(numbers).max(initial=0) > height * width:
        raise ValueError(f"a run is longer than the image of {width}x{height} px")
    counts = numbers.copy()
    counts[1::2] = np.cumsum(numbers[1::2])
    counts[2::2] = np.cumsum(numbers[2::2])
    least = np.minimum(np.arange(len(counts)), 1)  # only the first background run may be empty
    if (counts < least).any():
        raise ValueError(
            f"run {np.argmax(counts < least) + 1} has {counts[counts < least][0]} px; a run has at "
            "least 1 px"
        )
    edges = np.cumsum(counts)
    if edges[-1:].sum() != height * width:
        raise ValueError(
            f"the runs fill {edges[-1:].sum()} px, but the image has {width}x{height} px"
        )
    ends = edges[1::2]
    return Runs(edges[0::2][: len(ends)], ends)


def numbers_of(text: str) -> np.ndarray:
    """Return the signed numbers (int64) in a compressed string. Run lengths are sums of them.

    Raises ValueError for invalid characters, and an incomplete number.
    """
    letters = np.frombuffer(text.strip().encode("utf-8"), np.uint8).astype(np.int64) - 48
    strange = np.flatnonzero((letters < 0) | (letters > 63))
    if strange.size:
        raise ValueError(
            f"character {strange[0] + 1} of {text[:20]!r} is not one of COCO's, 0 .. o"
        )
    last = np.flatnonzero(letters < 32)
    if not letters.size or last[-1:].sum() != letters.size - 1:
        raise ValueError(f"{text[-20:]!r} ends within a number")
    begins = np.concatenate(([0], last[:-1] + 1))
    lengths = last - begins + 1
    if lengths.max() > GROUPS:
        raise ValueError(
            f"a number has {lengths.max()} characters, but COCO's numbers have at most {GROUPS}"
        )
    place = np.arange(letters.size) - np.repeat(begins, lengths)
    numbers = np.add.reduceat((letters & 31) << (5 * place), begins)
    return numbers - np.where(letters[last] & 16, 1 << (5 * lengths), 0)


def write_coco_zlib(runs: Runs, shape_HW: tuple[int, int], rules: PairRules) -> str:
    """Return the compressed string of a mask's maximal runs, packed by zlib and base64."""
    return packed(write_coco(runs, shape_HW, rules))


def write_small_coco_zlib(image_HW: np.ndarray, count: int) -> list[str]:
    """Return the packed counts of small masks. An empty mask has the text ""."""
    return [packed(text) if text else "" for text in write_small_coco(image_HW, count)]


def packed(text: str) -> str:
    """Return compressed counts, packed by zlib and base64."""
    return base64.b64encode(zlib.compress(text.encode("ascii"), 9)).decode("ascii")


def read_coco_zlib(text: str, shape_HW: tuple[int, int], rules: PairRules) -> Runs:
    """Return the runs of packed counts. Raises ValueError in the cases of `read_coco`, and for text
    that cannot be unpacked."""
    # Longer text cannot be counts of this image, and may be a decompression bomb.
    return read_coco(unpacked(text, GROUPS * (shape_HW[0] * shape_HW[1] + 1)), shape_HW, rules)


def unpacked(text: str, most: int) -> str:
    """Return the compressed counts in a text that `packed` returned. Raises ValueError for any
    other text, and for more than `most` characters of counts."""
    try:
        content = base64.b64decode(text.strip(), validate=True)
        unpacking = zlib.decompressobj()
        letters = unpacking.decompress(content, most)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"{text[:20]!r} is not base64 of zlib: {error}") from None
    if not unpacking.eof or unpacking.unused_data:
        raise ValueError(f"{text[:20]!r} breaks off, or holds more than this image's counts")
    return letters.decode("latin-1")
