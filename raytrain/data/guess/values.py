"""Counts of the values in mask files."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from raytrain.data.decode import read_stored
from raytrain.data.guess.looks import Looks, is_colored, one_plane, spread
from raytrain.data.guess.lossy import flat_pixels
from raytrain.data.header import declared_values
from raytrain.data.mask_values import GRAY
from raytrain.data.stored import Stored
from raytrain.data.threads import in_threads

PIXELS = 10**9
"""Largest number of pixels of masks that are read. If there are more masks, only a part of them is
read."""
LEAST_READ, MOST_READ = 200, 3000


@dataclass
class Seen:
    """The values of some masks, counted."""

    values: Counter[int] = field(default_factory=Counter)
    """Value (a color as 0xrrggbb) -> number of masks that contain it."""
    pixels: Counter[int] = field(default_factory=Counter)
    """Value -> number of pixels with this value."""
    flat: Counter[int] = field(default_factory=Counter)
    """Color (0xrrggbb, also of gray values up to 255) -> number of its pixels in flat areas."""
    masks: int = 0
    counted: int = 0
    """Number of masks that have exactly the values 0, 1, ..., n."""
    colored: bool = False
    palette: bool = False
    layers: int = 0
    """Channels of masks that are neither gray nor colored; 0 if there are none."""


def seen_in(root: Path, addresses: Iterable[str], looks: Looks) -> Seen:
    """Return the counted values of the masks at these addresses. Of many masks, only a part is
    read. Unreadable files are skipped, because `raytrain check` names them."""
    every = [*addresses]
    pixels = looks.first.size_HW[0] * looks.first.size_HW[1]
    chosen = spread(every, min(MOST_READ, max(LEAST_READ, PIXELS // max(1, pixels))))
    seen = Seen()

    def read(address: str) -> Stored | None:
        try:
            return read_stored(root / address)
        except ValueError:
            return None

    size = partial(declared_values, root)
    for stored in in_threads("reading the masks", read, chosen, size):
        if stored is not None:
            count_values(seen, stored.values)
            seen.palette |= stored.palette is not None
    return seen


def count_values(seen: Seen, values: np.ndarray) -> None:
    """Add the values of one mask, H x W or H x W x C, to `seen`, in place."""
    seen.masks += 1
    plane_HW = one_plane(values)
    if plane_HW is None:
        seen.layers = max(seen.layers, 1 if values.ndim == 2 else values.shape[2])
        return
    found, counts = np.unique(plane_HW, return_counts=True)
    distinct = found.tolist()
    pixels = dict(zip(distinct, counts.tolist(), strict=True))
    seen.pixels.update(pixels)
    colored = is_colored(values)
    seen.colored |= colored
    if len(distinct) <= 2:  # exact
        seen.flat.update({value * (1 if colored else GRAY): n for value, n in pixels.items()})
    elif colored or distinct[-1] < 256:
        seen.flat.update(flat_pixels(plane_HW if colored else plane_HW * GRAY))
    seen.values.update(distinct)
    seen.counted += distinct == [*range(len(distinct))] and len(distinct) > 2
