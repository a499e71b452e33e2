"""Probability maps in files of float16. A file holds the maps of many images, one after another, or
of one image.

Shape suffixes: K classes, H x W pixels, h rows of a strip.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from raytrain.runs.arrays import new_array, write_part
from raytrain.runs.files import DamagedError, atomic_path
from raytrain.runs.mirror import bring_missing

Shape = tuple[int, int, int]
"""Classes, height, width."""


def write_maps(path: Path, maps: Iterable[np.ndarray], shapes: list[Shape]) -> None:
    """Write prob_KHW of each image as soon as it is computed. The file appears complete or not at
    all."""
    start = _starts(shapes)
    with atomic_path(path) as temporary:
        flat = new_array(temporary, np.float16, int(start[-1]))
        for number, prob_KHW in enumerate(maps):
            assert prob_KHW.shape == shapes[number]
            flat[start[number] : start[number + 1]] = prob_KHW.ravel()
        flat.flush()


def written_strips(path: Path, strips: Iterable[np.ndarray], shape: Shape) -> Iterator[np.ndarray]:
    """Yield the strips prob_KhW of one image. Each strip is also written to a file of float16 with
    the map's shape. The file appears when all strips were taken."""
    _, height, width = shape
    with atomic_path(path) as temporary:
        file_KHW, top = new_array(temporary, np.float16, *shape), 0
        for prob_KhW in strips:
            for number, prob_hW in enumerate(prob_KhW):
                write_part(file_KHW, (number * height + top) * width, prob_hW)
            top += prob_KhW.shape[1]
            yield prob_KhW
        assert top == height


class Maps:
    """The maps in a file, which is mapped from disk and read image by image."""

    def __init__(self, path: Path, shapes: list[Shape]):
        """Open the file. Raises DamagedError when it does not contain maps of these shapes."""
        self._shapes, self._start = shapes, _starts(shapes)
        remedy = "delete it and run `raytrain cv` again"
        bring_missing(path)
        try:
            self._flat = np.load(path, mmap_mode="r")
        except ValueError as error:
            raise DamagedError(path, str(error), remedy) from None
        if self._flat.shape != (self._start[-1],):
            reason = f"contains {self._flat.size} values, but its {len(shapes)} images have "
            raise DamagedError(path, f"{reason}{self._start[-1]}", remedy)

    def __getitem__(self, number: int) -> np.ndarray:
        """Return prob_KHW (float32) of one image."""
        flat = self._flat[self._start[number] : self._start[number + 1]]
        return flat.reshape(self._shapes[number]).astype(np.float32)


def _starts(shapes: list[Shape]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum([np.prod(shape) for shape in shapes])]).astype(np.int64)
