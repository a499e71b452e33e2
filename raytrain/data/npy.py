"""NumPy files with one picture or mask."""

from pathlib import Path

import numpy as np

from raytrain.data.stored import Stored, reason_of, unreadable


def read_npy(path: Path) -> Stored:
    """Return the array in a `.npy` file. Raises ValueError when it is unreadable or not numeric, or
    when its channels come first."""
    try:
        array = np.load(path, allow_pickle=False)
    except Exception as error:
        raise unreadable(path, numpy_reason(error)) from None
    if array.dtype.kind not in "uibf":
        raise ValueError(f"{path}: holds {array.dtype}, not numbers; save an array of numbers")
    if channels_first(array.shape):
        raise ValueError(
            f"{path}: {' x '.join(map(str, array.shape))} looks like channels x height x width; "
            "save numpy.moveaxis(array, 0, -1), which is height x width x channels"
        )
    return Stored(reader="NumPy", values=array)


def numpy_reason(error: Exception) -> str:
    """Return in one line why NumPy cannot load a file, from NumPy's error."""
    pickled = "pickle" in str(error) or "Python objects" in str(error)
    return "it holds pickled objects; save numbers" if pickled else reason_of(error)


def channels_first(shape: tuple[int, ...]) -> bool:
    """Return whether an array of this shape, read as H x W x C, would be a thin strip of at most 16
    rows with more channels than rows. It is probably C x H x W.

    Such an array is refused instead of transposed. 12 x 256 x 256 may also be slices, and a wrong
    reading would train without any error.
    """
    return len(shape) == 3 and shape[0] <= 16 and min(shape[1:]) > max(4, shape[0])
