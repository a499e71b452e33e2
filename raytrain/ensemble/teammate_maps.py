"""A teammate's probability maps: the files, how to read them, and their problems.

A folder holds one kind of file, the first of SUFFIXES that it contains (nnU-Net saves masks next to
its `.npz`):

`<id>.npz`            key `probabilities`, K,1,H,W as nnU-Net v2 saves 2D images, or K,H,W
`<id>.npy`            K,H,W, or H,W of the one foreground class
`<id>_<class>.png`    16 bits, p = value / 65535; class by name or number; or `<id>.png` of the one
                      foreground class

Shape suffixes: K channels (all classes; without the background if they overlap), H x W pixels.
"""

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from raytrain.data.report import DataReport
from raytrain.ensemble.score import counts_of
from raytrain.metrics.dice import mean_foreground_dice
from raytrain.runs.files import sha256_of
from raytrain.runs.maps import Shape
from raytrain.runs.messages import counted

SUFFIXES = (".npz", ".npy", ".png")
TOLERANCE = 2e-3
"""Tolerance for values outside 0 .. 1, and for a pixel's sum that is not 1, because float16 rounds
by .0005."""
SHOWN = 10
"""Largest number of names that a message lists."""


class GivenMaps:
    """A teammate's maps of some images, in one folder."""

    def __init__(self, folder: Path, ids: tuple[str, ...], report: DataReport):
        """Find the files in `folder` for the images `ids`. Raises ValueError when there are no
        maps at all."""
        self.folder, self.ids = folder, ids
        self._classes, self._target = report.classes, report.target
        self._shapes = dict(zip(ids, report.map_shapes(ids), strict=True))
        files = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
        kinds = [suffix for suffix in SUFFIXES if any(name.endswith(suffix) for name in files)]
        if not kinds:
            raise ValueError(
                f"{folder}: no maps; save one file for each of {len(ids)} images, as <id>.npz, "
                "<id>.npy or <id>_<class>.png"
            )
        self._files = {name for name in files if name.endswith(kinds[0])}
        self._endings = max(
            self._naming(kinds[0]), key=lambda endings: len(self._expected(endings) & self._files)
        )

    @property
    def shapes(self) -> list[Shape]:
        return [self._shapes[id] for id in self.ids]

    def problems(self) -> list[str]:
        """Return a problem for each missing file, each file that belongs to no image, and each
        wrong map."""
        found = []
        expected = self._expected(self._endings)
        for text, names in (
            ("missing", expected - self._files),
            ("without an image in this run", self._files - expected),
        ):
            if names:
                files = counted(len(names), "file")
                found.append(f"{self.folder}: {files} {text}: {listed(sorted(names))}")
        for id in self.ids:
            if all(path.is_file() for path in self._paths(id)):
                try:
                    self.read(id)
                except ValueError as error:
                    found.append(str(error))
        return found

    def read(self, id: str) -> np.ndarray:
        """Return prob_KHW (float32) of one image, in 0 .. 1. Raises ValueError that names the file
        and its faults."""
        paths = self._paths(id)
        where = paths[0] if len(paths) == 1 else f"{self.folder / id}_*.png"
        parts = [_array(path) for path in paths]
        if len({part.shape for part in parts}) > 1:
            raise ValueError(
                f"{where}: the maps of the classes have different sizes; save one size"
            )
        array = parts[0] if len(parts) == 1 else np.stack(parts)
        if array.ndim == 4 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim == 2:
            array = array[None]
        if len(array) == 1 and len(self._classes) == self._shapes[id][0] == 2:
            array = np.concatenate([1 - array, array])
        problems = _shape_problems(array, self._shapes[id], len(self._classes))
        problems += [] if problems else self._value_problems(array)
        if problems:
            raise ValueError(f"{where}: {'; '.join(problems)}")
        return array.astype(np.float32).clip(0, 1)

    def maps(self) -> Iterator[np.ndarray]:
        """Yield prob_KHW of each image, in the order of the ids. Raises ValueError like `read`."""
        return map(self.read, self.ids)

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of every file of the maps: file name -> SHA-256."""
        paths = [path for id in self.ids for path in self._paths(id)]
        return {path.relative_to(self.folder).as_posix(): sha256_of(path) for path in paths}

    def _paths(self, id: str) -> list[Path]:
        return [self.folder / f"{id}{ending}" for ending in self._endings]

    def _expected(self, endings: tuple[str, ...]) -> set[str]:
        return {f"{id}{ending}" for id in self.ids for ending in endings}

    def _naming(self, suffix: str) -> list[tuple[str, ...]]:
        """Return the possible endings after an id, for all files of one image."""
        if suffix != ".png":
            return [(suffix,)]
        start = 1 if self._target == "multi_label" else 0
        numbers = range(start, len(self._classes))
        by_class = [
            tuple(f"_{self._classes[number]}{suffix}" for number in numbers),
            tuple(f"_{number}{suffix}" for number in numbers),
        ]
        return [*by_class, (suffix,)] if len(self._classes) == 2 else by_class

    def _value_problems(self, array: np.ndarray) -> list[str]:
        if array.dtype.kind != "f":
            return [f"contains {array.dtype}; probabilities must be floats in 0 .. 1"]
        broken = array.size - int(np.isfinite(array).sum())
        if broken:
            return [f"{broken} values are NaN or infinite; save finite probabilities"]
        array = array.astype(np.float32)
        if array.min() < -TOLERANCE or array.max() > 1 + TOLERANCE:
            return [
                f"values {array.min():.4g} .. {array.max():.4g} are not in 0 .. 1; save "
                "probabilities (of logits, the softmax or sigmoid)"
            ]
        off_HW = abs(array.sum(0) - 1) > TOLERANCE
        if self._target == "single_label" and off_HW.any():
            worst = float(array.sum(0)[off_HW].min())
            hint = " (outside of a crop the background must be 1)" if worst == 0 else ""
            return [
                f"at {int(off_HW.sum())} px the sum over the classes is not 1, but for example "
                f"{worst:.4g}{hint}; save all classes' probabilities"
            ]
        return []


def rows_and_columns_swapped(pairs: Iterable[tuple[np.ndarray, np.ndarray]], classes: int) -> bool:
    """Return whether square maps fit their masks far better when rows and columns are swapped,
    which a square map's shape cannot show. `pairs` are (prob_KHW, mask_HW) with one class per
    pixel."""
    counts = [
        counts_of(
            np.stack([turned.argmax(0) for turned in (prob_KHW, flipped)]),
            mask_HW,
            classes,
            "single_label",
        )
        for prob_KHW, mask_HW in pairs
        if (flipped := prob_KHW.transpose(0, 2, 1)).shape == prob_KHW.shape
    ]
    if not counts:
        return False
    as_given, as_turned = map(mean_foreground_dice, np.stack(counts, axis=1))
    return as_turned > as_given + 0.1


def listed(names: list[str]) -> str:
    """Return the first names of a long list as text."""
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def _array(path: Path) -> np.ndarray:
    """Return the content of one file. Raises ValueError that names the file."""
    try:
        if path.suffix == ".png":
            return _png(path)
        loaded = np.load(path, allow_pickle=False)
        if path.suffix == ".npy":
            return loaded
        with loaded as file:
            if "probabilities" not in file.files:
                keys = ", ".join(file.files) or "no key"
                raise ValueError(f"it holds {keys}; save the maps under the key 'probabilities'")
            return file["probabilities"]
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from None


def _png(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise ValueError("not a complete PNG file; save it again")
    if image.dtype != np.uint16 or image.ndim != 2:
        bits = 8 * image.dtype.itemsize
        raise ValueError(f"{bits} bits, {image.ndim} dimensions; save one gray channel of 16 bits")
    return image.astype(np.float32) / 65535


def _shape_problems(array: np.ndarray, shape_KHW: Shape, classes: int) -> list[str]:
    if array.ndim != 3:
        return [f"shape {array.shape}; the shape must be K,H,W: {shape_KHW}"]
    problems = []
    channels, size = shape_KHW[0], shape_KHW[1:]
    if array.shape == (*size, channels) and array.shape != shape_KHW:
        return [f"shape {array.shape}; the classes must come first, as K,H,W: {shape_KHW}"]
    if len(array) != channels:
        problems.append(
            f"{len(array)} channels, but {classes} classes need {channels}; save one for each"
        )
    if array.shape[1:] != size:
        swapped = " (rows and columns swapped?)" if array.shape[1:] == size[::-1] else ""
        height, width = array.shape[1:]
        problems.append(
            f"{width}x{height} px, but the image has {size[1]}x{size[0]}{swapped}; save the maps "
            "in the image's size"
        )
    return problems
