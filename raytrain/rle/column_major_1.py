"""`start length start length ...` down the columns, the top left pixel is 1; empty: no text."""

import numpy as np


def encode(mask_HW: np.ndarray) -> str:
    """The maximal runs of a bool mask (H, W), in rising order."""
    flat = np.asarray(mask_HW, bool).ravel(order="F")
    padded = np.concatenate(([False], flat, [False]))
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    starts, ends = edges[::2], edges[1::2]
    return " ".join(map(str, np.stack([starts + 1, ends - starts], 1).ravel().tolist()))


def decode(text: str, shape_HW: tuple[int, int]) -> np.ndarray:
    """The bool mask (H, W) of a text.

    Raises ValueError for what is no positive whole number, an odd count, runs that fall, overlap
    or leave the image. Runs may touch.
    """
    starts, lengths = _numbers(text)
    height, width = shape_HW
    begins, ends = starts - 1, starts - 1 + lengths
    outside = np.flatnonzero((starts > height * width) | (lengths > height * width - begins))
    if outside.size:
        at = outside[0]
        raise ValueError(
            f"run {starts[at]} {lengths[at]} leaves the image of {height} x {width} px"
        )
    unsorted = np.flatnonzero(begins[1:] < ends[:-1])
    if unsorted.size:
        at = unsorted[0]
        raise ValueError(
            f"run {starts[at + 1]} {lengths[at + 1]} starts before the end of the run before it, "
            f"{starts[at]} {lengths[at]}"
        )
    steps = np.zeros(height * width + 1, np.int8)
    steps[begins] += 1
    steps[ends] -= 1
    return np.cumsum(steps[:-1], dtype=np.int8).astype(bool).reshape(shape_HW, order="F")


def _numbers(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Starts and lengths, int64, all positive."""
    words = text.split()
    for word in words:
        # int() would also take 1_0 and digits of other alphabets; 18 digits fit into int64.
        if not (word.isascii() and word.isdecimal()) or len(word) > 18 or int(word) < 1:
            raise ValueError(f"{word!r} is no positive whole number below 10**18")
    if len(words) % 2:
        raise ValueError(f"{len(words)} numbers; starts and lengths come in pairs")
    pairs = np.array(words, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]
