"""Arrays in new files that are mapped into memory for writing."""

import os
from math import prod
from pathlib import Path

import numpy as np

from raytrain.runs.files import naming


def new_array(path: Path, dtype: str | np.dtype | type, *shape: int) -> np.memmap:
    """Create an array of this shape in a new file, and map it for writing.

    The space in the file is reserved first, because writing to a mapped file on a full disk kills
    the process. Raises OSError when there is no room.
    """
    header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    with naming(path), path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        end = file.tell() + max(1, prod(shape) * np.dtype(dtype).itemsize)
        file.flush()
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, end)
        else:  # macOS
            file.truncate(end)
    return np.lib.format.open_memmap(path, "r+")


def write_part(array: np.memmap, first: int, values: np.ndarray) -> None:
    """Write flat values into the file of an array, from the array's element `first` on, row by row.

    Unlike an assignment, this keeps no page of the file in the memory of the process.
    """
    assert array.filename is not None
    with open(array.filename, "r+b") as file:
        file.seek(array.offset + int(first) * array.itemsize)
        file.write(np.ascontiguousarray(values, array.dtype).data)
