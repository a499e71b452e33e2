"""NumPy stacks: arrays that are mapped from disk, and read one row at a time."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from raytrain.data.npy import channels_first, numpy_reason
from raytrain.data.stored import refuse_special, unreadable


def open_stack(path: Path) -> np.ndarray:
    """Return the array N x H x W (x C) of a `.npy` file, mapped from disk. Raises ValueError when
    the file is missing, or has no such array of numbers."""
    return _opened(path, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=16)
def _opened(path: Path, written: int) -> np.ndarray:
    """Map the array. `written` is the time of the file; with it, the cache notices a changed file.
    Raises ValueError as `open_stack` does."""
    refuse_special(path)
    try:
        stack = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file; correct competition.format") from None
    except (OSError, ValueError, EOFError) as error:
        raise unreadable(path, numpy_reason(error)) from None
    if (
        not isinstance(stack, np.ndarray)
        or stack.ndim not in (3, 4)
        or stack.dtype.kind not in "uibf"
    ):
        raise ValueError(f"{path}: a stack must be an array of numbers, N x H x W (x C)")
    if channels_first(stack.shape[1:]):
        raise ValueError(
            f"{path}: {' x '.join(map(str, stack.shape))} looks like N x channels x height x "
            "width; save numpy.moveaxis(array, 1, -1), which is N x height x width x channels"
        )
    return stack


def read_row(root: Path, address: str) -> np.ndarray:
    """Return the row at an address `stack.npy#row`, as a new array in native byte order."""
    file, _, row = address.rpartition("#")
    plane = open_stack(root / file)[int(row)]
    return np.array(plane, dtype=plane.dtype.newbyteorder("="))


@dataclass(frozen=True)
class StackRows:
    """Images that are rows of mapped stacks. They need no decoding or copying."""

    stacks: tuple[np.ndarray, ...]
    stack_N: np.ndarray
    """For each image, the index of its stack."""
    row_N: np.ndarray
    """For each image, its row in that stack."""

    def image(self, number: int) -> np.ndarray:
        """Return image_HWC of the image `number`, a view of the mapped file."""
        plane = self.stacks[self.stack_N[number]][self.row_N[number]]
        return plane[..., None] if plane.ndim == 2 else plane


def stack_rows(root: Path, addresses: pd.Series) -> StackRows | None:
    """Return the images with these addresses (`stack.npy#row`) as rows of mapped stacks.

    Returns None when images consist of several rows, or of numbers in non-native byte order, which
    torch does not accept. Raises ValueError when a stack is missing.
    """
    parts = addresses.str.extract(r"(?i)^(?P<file>[^\n]*\.npy)#(?P<row>\d+)$")
    if parts.isna().any(axis=None):
        return None
    stack_N, files = parts["file"].factorize()
    stacks = tuple(open_stack(root / file) for file in files)
    if not all(stack.dtype.isnative for stack in stacks):
        return None
    return StackRows(stacks, stack_N, parts["row"].astype(np.int64).to_numpy())
