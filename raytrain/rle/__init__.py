"""RLE dialects by name: one file each, and one line here.

The contract test runs over `ENCODINGS`: decode(encode(mask), mask.shape) equals the mask.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from raytrain.rle import column_major_1


@dataclass(frozen=True)
class Encoding:
    """How one binary mask reads as text."""

    encode: Callable[[np.ndarray], str]
    """Mask (H, W) bool -> text."""
    decode: Callable[[str, tuple[int, int]], np.ndarray]
    """Text and (H, W) -> mask bool. Raises ValueError that names the fault."""


ENCODINGS: dict[str, Encoding] = {
    "column_major_1": Encoding(column_major_1.encode, column_major_1.decode),
}
