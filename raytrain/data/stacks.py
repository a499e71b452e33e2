"""NumPy stacks: one array on disk, mapped, of which a row is read at a time."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from raytrain.data.npy import channels_first


def open_stack(path: Path) -> np.ndarray:
    """A mapped array N x H x W (x C). Raises ValueError when there is none in this file."""
    return _opened(path, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=16)
def _opened(path: Path, written: int) -> np.ndarray:
    """`written` tells a file from what stood there before."""
    try:
        stack = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except (OSError, ValueError, EOFError) as error:
        pickled = "pickle" in str(error) or "Python objects" in str(error)
        reason = "it holds pickled objects, not numbers" if pickled else str(error)
        raise ValueError(f"{path}: not a NumPy array ({reason})") from None
    if (
        not isinstance(stack, np.ndarray)
        or stack.ndim not in (3, 4)
        or stack.dtype.kind not in "uibf"
    ):
        raise ValueError(f"{path}: a stack is an array N x H x W (x C) of numbers")
    if channels_first(stack.shape[1:]):
        raise ValueError(
            f"{path}: {' x '.join(map(str, stack.shape))} looks like N x channels x height x "
            "width; save numpy.moveaxis(array, 1, -1), which is N x height x width x channels"
        )
    return stack


def read_row(root: Path, address: str) -> np.ndarray:
    """The row that `stack.npy#row` names, as an array of its own."""
    file, _, row = address.rpartition("#")
    return np.array(open_stack(root / file)[int(row)])
