"""Batches of normalized images and masks, determined by (seed, epoch, window).

Shape suffixes: B images of a batch, C channels, H x W pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from raytrain.config.augmentation import AugmentationSpec
from raytrain.config.framing import TilesSpec
from raytrain.config.target import IGNORE
from raytrain.config.trial import TrialSpec
from raytrain.data.augment import augmented, build_augmentation, copy_state
from raytrain.data.cache import Cache
from raytrain.data.epoch_plan import BatchPlan, EpochPlan
from raytrain.data.framing import Frame, Windows
from raytrain.data.loading import BatchLoader, Layout, packed, unpacked
from raytrain.data.mixing import mixed
from raytrain.data.soft_labels import soft_windows


@dataclass(frozen=True)
class Scaling:
    """(image - mean) / std per channel; with the image's own statistics when `per_image`."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    per_image: bool

    def apply(self, image_BHWC: np.ndarray) -> torch.Tensor:
        """Return the scaled images as float32, BxCxHxW (channels last in memory)."""
        x = torch.from_numpy(np.ascontiguousarray(image_BHWC)).to(torch.float32)
        return self.scaled(x, *self._figures).permute(0, 3, 1, 2)

    @cached_property
    def _figures(self) -> tuple[torch.Tensor, ...]:
        return () if self.per_image else (torch.tensor(self.mean), torch.tensor(self.std))

    def scaled(self, image_BHWC: torch.Tensor, *figures: torch.Tensor) -> torch.Tensor:
        """Return the scaled images in the same shape; `figures` are mean and deviation on the
        images' device, unless each image has its own."""
        if self.per_image:
            mean = image_BHWC.mean((1, 2), keepdim=True)
            std = image_BHWC.std((1, 2), keepdim=True, correction=0)
        else:
            mean, std = figures
        return (image_BHWC - mean).div_(std + 1e-6)


def imagenet_scaling(channels: int) -> Scaling:
    """Return the statistics of ImageNet's training set (torchvision) for values 0 .. 255; for one
    channel, the mean of the three."""
    mean: tuple[float, ...] = (123.675, 116.28, 103.53)
    std: tuple[float, ...] = (58.395, 57.12, 57.375)
    if channels == 1:
        mean, std = (sum(mean) / 3,), (sum(std) / 3,)
    return Scaling(mean, std, per_image=False)


@dataclass
class Batch:
    """The input of a training step."""

    image_BCHW: torch.Tensor
    target_BHW: torch.Tensor
    """Masks in the type of the cache (mostly bytes). The training step converts them on its
    device."""
    rows: np.ndarray
    """Row of each window's image in the cache."""
    counted: int
    global_size: int
    other_BHW: torch.Tensor | None = None
    """The second mask of images that are weighted sums of two images."""
    share: float = 1.0
    """Weight of the first mask in the loss. The second mask has the remaining weight."""

    def parts(self, count: int) -> list["Batch"]:
        """Return the batch as at most `count` smaller batches, none of them empty."""
        count = min(count, len(self.rows))
        if count == 1:
            return [self]
        split = [
            [None] * count if plane is None else plane.tensor_split(count)
            for plane in (self.image_BCHW, self.target_BHW, self.other_BHW)
        ]
        rows = np.array_split(self.rows, count)
        return [
            Batch(image, target, part, len(part), self.global_size, other, self.share)
            for part, image, target, other in zip(rows, *split, strict=True)
        ]

    def __getstate__(self) -> tuple[dict[str, Any], tuple[torch.Tensor, Layout]]:
        """Return what is passed to another process: one tensor contains all the others."""
        planes = {k: value for k, value in vars(self).items() if isinstance(value, torch.Tensor)}
        return {**vars(self), **dict.fromkeys(planes)}, packed(planes)

    def __setstate__(self, state: tuple[dict[str, Any], tuple[torch.Tensor, Layout]]) -> None:
        rest, planes = state
        vars(self).update(rest, **unpacked(*planes))

    def pin_memory(self) -> "Batch":
        self.image_BCHW = self.image_BCHW.pin_memory()
        self.target_BHW = self.target_BHW.pin_memory()
        if self.other_BHW is not None:
            self.other_BHW = self.other_BHW.pin_memory()
        return self


class SliceDataset(Dataset[Batch]):
    """Data set whose items are whole batches. A DataLoader passes it the plan of a batch as index.

    With `copies`, number n + k * windows is the k-th copy of window n. Copy 0 is not augmented.
    """

    def __init__(
        self, cache: Cache, frame: Frame, windows: Windows, scaling: Scaling,
        augmentation: AugmentationSpec, copies: int, seed: int,
    ):  # fmt: skip
        self.cache, self.frame, self.windows = cache, frame, windows
        self.scaling, self.copies, self.seed = scaling, copies, seed
        self.augment = build_augmentation(augmentation)

    def __getitem__(self, plan: BatchPlan) -> Batch:
        rows = self.windows.row_N[plan.windows % len(self.windows.row_N)]
        if plan.mix is None:
            pair = self._stacked(plan.windows, plan.epoch)
            return Batch(*pair, rows, plan.counted, plan.global_size)
        # A partner is often in the batch itself, so each window is made only once.
        numbers, places = np.unique(
            np.concatenate([plan.windows, plan.mix.partners]), return_inverse=True
        )
        images, masks = self._stacked(numbers, plan.epoch)
        first, second = ((images[part], masks[part]) for part in self._here(places).chunk(2))
        pair, other_BHW, share = mixed(first, second, plan.mix)
        return Batch(*pair, rows, plan.counted, plan.global_size, other_BHW, share)

    def __len__(self) -> int:
        return len(self.windows.row_N) * (1 + self.copies)

    def has_foreground(self, number: int) -> bool:
        """Return whether the plain window `number` contains any foreground class."""
        row, top, left = self._place(number)
        mask_HW = self.frame.cut(self.cache.mask(row), top, left)
        nothing = (0, IGNORE) if self.cache.target == "single_label" else (0,)
        return not bool(np.isin(mask_HW, nothing).all())

    def cut(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return image_HWC and mask_HW of a window, without augmentation."""
        row, top, left = self._place(number)
        image = self.frame.cut(self.cache.image(row), top, left)
        return image, self.frame.cut(self.cache.mask(row), top, left)

    def state(self, number: int, copy: int, epoch: int) -> np.random.SeedSequence:
        """Return the random state of a window's augmentation, from seed, place and epoch; with
        copies, from seed, place and copy."""
        row, top, left = self._place(number)
        if self.copies:
            return copy_state(self.seed, row, top, left, copy)
        return np.random.SeedSequence([self.seed, epoch, row, top << 32 | left])

    def _place(self, number: int) -> tuple[int, int, int]:
        """Return the row, top and left of a window."""
        of = self.windows
        return int(of.row_N[number]), int(of.top_N[number]), int(of.left_N[number])

    def _here(self, numbers: np.ndarray) -> torch.Tensor:
        """Return the indices as a tensor on the device of the batch."""
        return torch.from_numpy(numbers)

    def _stacked(self, numbers: np.ndarray, epoch: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return image_BCHW, normalized, and mask_BHW."""
        count = len(self.windows.row_N)
        pairs = [self._pair(n % count, n // count, epoch) for n in numbers.tolist()]
        images, masks = (np.stack(planes) for planes in zip(*pairs, strict=True))
        return self.scaling.apply(images), torch.from_numpy(masks)

    def _pair(self, number: int, copy: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Return image_HWC and mask_HW of a window, augmented."""
        image, mask = self.cut(number)
        if not self.augment.transforms or (self.copies and not copy):
            return image, mask
        return augmented(self.augment, image, mask, self.state(number, copy, epoch))


def train_loader(
    cache: Cache, rows: np.ndarray, scaling: Scaling, spec: TrialSpec, rank: int, world: int,
    loaders: int,
) -> tuple[DataLoader[Batch], EpochPlan]:  # fmt: skip
    """Return training batches and their plan; set `plan.epoch` before each pass.

    Raises LoaderError when shared memory has no room for the batches of `loaders` processes.
    """
    frame = Frame(spec.framing, cache.largest)
    windows = frame.windows(cache, rows)
    dataset = SliceDataset(
        cache, frame, windows, scaling, spec.augmentation, spec.copies, spec.seed
    )
    plan = epoch_plan(dataset, spec, rank, world)
    at_once = -(-spec.batch_size // world)
    masks = cache.mask_type.itemsize * (1 if spec.mix is None else 2)
    pixel = cache.channels * torch.float32.itemsize + masks
    batch_bytes = at_once * frame.height * frame.width * pixel
    loader = BatchLoader(dataset, plan, loaders, batch_bytes, torch.cuda.is_available())
    return loader, plan


def epoch_plan(dataset: SliceDataset, spec: TrialSpec, rank: int, world: int) -> EpochPlan:
    """Return the plan by which worker `rank` of `world` takes the data set's windows in steps."""
    foreground_N = np.ones(len(dataset.windows.row_N), bool)
    if spec.positive_share is not None:
        foreground_N = np.array([dataset.has_foreground(n) for n in range(len(foreground_N))])
    soft = soft_windows(dataset.cache, dataset.windows.row_N, spec.copies)
    return EpochPlan(spec, np.tile(foreground_N, 1 + spec.copies), rank, world, soft)


@dataclass(frozen=True)
class Unit:
    """Some images that are evaluated together, with all their windows."""

    rows: np.ndarray
    windows: Windows
    batches: Iterator[Batch]
    """The windows in order, without augmentation."""


def units(
    cache: Cache, frame: Frame, rows: np.ndarray, scaling: Scaling, batch_size: int
) -> Iterator[Unit]:
    """Yield the images in order, as many at once as a batch holds; one at a time with tiles.

    The content of a unit depends on the arguments alone, so the same images give the same bits.
    """
    size = 1 if isinstance(frame.spec, TilesSpec) else batch_size
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        windows = frame.windows(cache, part)
        dataset = SliceDataset(cache, frame, windows, scaling, "none", 0, 0)
        yield Unit(part, windows, _in_order(dataset, len(windows.row_N), batch_size))


def _in_order(dataset: SliceDataset, count: int, batch_size: int) -> Iterator[Batch]:
    for start in range(0, count, batch_size):
        numbers = np.arange(start, min(start + batch_size, count))
        yield dataset[BatchPlan(0, numbers, len(numbers), len(numbers))]
