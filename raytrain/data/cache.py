"""Decode once: images and masks of a data set as memory-mapped arrays, one copy a node.

The cache is keyed by the data's fingerprint, so it is never stale; it stands under
`$RAYTRAIN_CACHE` (default `~/.cache/raytrain`) and may be deleted at any time.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from raytrain.data.decode import decode_image, decode_mask
from raytrain.data.report import DataReport


@dataclass(frozen=True)
class Cache:
    """All samples of a DataReport, in its order."""

    images_NHWC: np.ndarray
    masks_NHW: np.ndarray
    """uint8; all zero where there is no mask."""
    row: dict[str, int]
    """Id -> first index of the arrays."""

    def rows(self, ids: tuple[str, ...]) -> np.ndarray:
        return np.array([self.row[id] for id in ids], dtype=np.int64)


def open_cache(report: DataReport) -> Cache:
    """Map the decoded data, decoding it first when this node has not yet.

    Many processes may call this at once: one builds under a lock in a temporary folder and
    renames it; a killed builder leaves nothing that is read.
    """
    root = Path(os.environ.get("RAYTRAIN_CACHE", "~/.cache/raytrain")).expanduser()
    folder = root / report.fingerprint
    if not folder.is_dir():
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f"{report.fingerprint}.lock"):
            if not folder.is_dir():
                _build(report, folder)
    return Cache(
        np.load(folder / "images.npy", mmap_mode="r"),
        np.load(folder / "masks.npy", mmap_mode="r"),
        {sample.id: row for row, sample in enumerate(report.samples)},
    )


def _build(report: DataReport, folder: Path) -> None:
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        count, size = len(report.samples), (report.height, report.width)
        images = np.lib.format.open_memmap(
            temporary / "images.npy", "w+", report.dtype, (count, *size, report.channels)
        )
        masks = np.lib.format.open_memmap(temporary / "masks.npy", "w+", np.uint8, (count, *size))
        for row, sample in enumerate(report.samples):
            images[row] = decode_image(Path(sample.image)).reshape(images.shape[1:])
            if sample.mask is not None:
                masks[row] = decode_mask(Path(sample.mask))
        images.flush()
        masks.flush()
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
