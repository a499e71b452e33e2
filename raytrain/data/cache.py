"""Cache of decoded data: images and masks as memory-mapped arrays, one copy per node.

The cache is keyed by the data's fingerprint, so it is never stale. It lies under `$RAYTRAIN_CACHE`
and may be deleted at any time. Beyond `$RAYTRAIN_CACHE_GB` (default 200), the least recently used
data sets are removed first.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock

from raytrain.config.formats import NumpyStacksSpec
from raytrain.config.target import Target, stored_type
from raytrain.data.report import DataReport
from raytrain.data.samples import read_image, read_mask, split_addresses
from raytrain.data.source import local_folder
from raytrain.data.stacks import StackRows, stack_rows
from raytrain.data.threads import in_threads
from raytrain.runs.arrays import new_array, write_part
from raytrain.runs.messages import warn
from raytrain.runs.store import cache_root

USED = "used"


@dataclass(frozen=True)
class Cache:
    """All samples of a DataReport, in the order of its rows. Each sample has its own size."""

    pixels: np.ndarray | StackRows
    """All images one after another, flat, in their own dtype; or the stacks that contain them."""
    labels: np.ndarray
    """All masks one after another, flat; zero for images without a mask."""
    start: np.ndarray
    """Index of the first pixel of each sample, and the end of the last one."""
    height: np.ndarray
    width: np.ndarray
    channels: int
    target: Target
    ids: pa.ChunkedArray
    """Ids in Arrow's format, because a million Python strings take ten times the memory."""

    @property
    def largest(self) -> tuple[int, int]:
        """Largest height and largest width of the images, px."""
        return int(self.height.max()), int(self.width.max())

    @property
    def mask_type(self) -> np.dtype:
        """The dtype of the masks."""
        return self.labels.dtype

    def rows(self, ids: tuple[str, ...]) -> np.ndarray:
        """Return the row of each of these ids in the cache. Raises KeyError for an unknown id."""
        found = pc.index_in(pa.array(ids, self.ids.type), value_set=self.ids)
        if found.null_count:
            raise KeyError(ids[found.is_null().index(True).as_py()])
        rows = found.to_numpy().astype(np.int64)
        del found
        pa.default_memory_pool().release_unused()
        return rows

    def image(self, row: int) -> np.ndarray:
        """Return image_HWC of the sample in this row, a view of the mapped file."""
        if isinstance(self.pixels, StackRows):
            return self.pixels.image(row)
        first, last = self.start[row] * self.channels, self.start[row + 1] * self.channels
        return self.pixels[first:last].reshape(self.height[row], self.width[row], self.channels)

    def mask(self, row: int) -> np.ndarray:
        """Return mask_HW of the sample in this row, a view of the mapped file."""
        first, last = self.start[row], self.start[row + 1]
        return self.labels[first:last].reshape(self.height[row], self.width[row])


def open_cache(report: DataReport) -> Cache:
    """Return the decoded data of a report, mapped from disk. If this node has not decoded the data
    yet, it is decoded first.

    Many processes may call this at once. One of them builds the data under a lock in a temporary
    folder and renames the folder. Leftovers of a killed builder are removed by the next one.
    """
    root = cache_root()
    folder = root / report.fingerprint
    stacks = None
    if isinstance(report.format, NumpyStacksSpec):
        stacks = stack_rows(local_folder(report.source), report.samples["image"])
    if not folder.is_dir():
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f"{report.fingerprint}.lock"):
            if not folder.is_dir():
                _build(report, folder, stacks)
                _evict(root, folder)
    (folder / USED).touch()
    height, width = (report.samples[side].to_numpy(np.int64) for side in ("height", "width"))
    return Cache(
        pixels=stacks or np.load(folder / "images.npy", mmap_mode="r"),
        labels=np.load(folder / "masks.npy", mmap_mode="r"),
        start=np.concatenate([[0], np.cumsum(height * width)]),
        height=height,
        width=width,
        channels=report.channels,
        target=report.target,
        ids=pa.chunked_array(pa.array(report.samples["id"])),
    )


def _build(report: DataReport, folder: Path, stacks: StackRows | None) -> None:
    """Decode all masks. Decode all images, too, unless they are in stacks."""
    for leftover in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(leftover, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        area = (report.samples["height"] * report.samples["width"]).to_numpy(np.int64)
        start = np.concatenate([[0], np.cumsum(area)])
        pixels, channels = int(start[-1]), report.channels

        kind = stored_type(len(report.classes), report.target)
        masks = new_array(temporary / "masks.npy", kind, pixels)
        images = None
        if not stacks:
            images = new_array(temporary / "images.npy", report.dtype, pixels * channels)
        root = local_folder(report.source)

        def decode(row: int) -> None:
            sample = report.samples.iloc[row]
            first = start[row]
            if images is not None:
                image = read_image(root, split_addresses(sample["image"]))
                write_part(images, first * channels, image.ravel())
                del image  # before the mask is read
            parts = split_addresses(sample["mask"])
            if parts:
                size = int(sample["height"]), int(sample["width"])
                mask = read_mask(report.format, root, parts, size, report.classes, report.target)
                write_part(masks, first, mask.ravel())

        title = "decoding the data once for this machine"
        in_threads(title, decode, range(len(area)), lambda row: int(area[row]) * channels)
        for array in (masks, images):
            if array is not None:
                array.flush()
        temporary.chmod(0o755)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _evict(root: Path, newest: Path) -> None:
    """Remove the least recently used data sets until the rest fits.

    Processes that have mapped a removed data set can still read it. The next process that opens it
    decodes it again.
    """
    cap = float(os.environ.get("RAYTRAIN_CACHE_GB", "200")) * 1e9
    size = {
        folder: sum(file.stat().st_size for file in folder.iterdir())
        for folder in (used.parent for used in root.glob(f"*/{USED}"))
    }
    total = sum(size.values()) + sum(file.stat().st_size for file in newest.iterdir())
    for folder in sorted(size, key=lambda folder: (folder / USED).stat().st_mtime):
        if total <= cap or folder == newest:
            continue
        # Renamed first, so that no process finds a half-deleted set.
        doomed = folder.with_name(f".{folder.name}.evicted")
        folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
        total -= size[folder]
        warn(
            f"cache: removed the decoded data in {folder} to stay below {cap / 1e9:g} GB "
            "(RAYTRAIN_CACHE_GB); it is decoded again when it is needed"
        )
