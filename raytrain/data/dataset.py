"""Batches of normalised images and masks, the same for every (seed, epoch, window).

Shape suffixes: B images of a batch, C channels, H x W pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from raytrain.config.augmentation import AugmentationSpec
from raytrain.config.framing import TilesSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.augment import augmented, build_augmentation
from raytrain.data.cache import Cache
from raytrain.data.framing import Frame, Windows


@dataclass(frozen=True)
class Scaling:
    """(image - mean) / std per channel; by the image's own figures when `per_image`."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    per_image: bool

    def apply(self, image_BHWC: np.ndarray) -> torch.Tensor:
        """float32, BxCxHxW (channels last in memory)."""
        x = torch.from_numpy(np.ascontiguousarray(image_BHWC)).to(torch.float32)
        if self.per_image:
            mean = x.mean((1, 2), keepdim=True)
            std = x.std((1, 2), keepdim=True, correction=0)
        else:
            mean, std = torch.tensor(self.mean), torch.tensor(self.std)
        return ((x - mean) / (std + 1e-6)).permute(0, 3, 1, 2)


def imagenet_scaling(channels: int) -> Scaling:
    """The figures of ImageNet's training set (torchvision) for values 0 .. 255; for one channel
    the mean of the three."""
    mean: tuple[float, ...] = (123.675, 116.28, 103.53)
    std: tuple[float, ...] = (58.395, 57.12, 57.375)
    if channels == 1:
        mean, std = (sum(mean) / 3,), (sum(std) / 3,)
    return Scaling(mean, std, per_image=False)


@dataclass(frozen=True)
class BatchPlan:
    """One worker's share of one step."""

    epoch: int
    windows: np.ndarray
    """Numbers of the data set's windows, at least one."""
    counted: int
    """How many of them count: all, or none for a worker that the last step has none for."""
    global_size: int
    """Windows in this step over all workers."""


@dataclass
class Batch:
    """What a step trains on."""

    image_BCHW: torch.Tensor
    target_BHW: torch.Tensor
    """As the cache has it (bytes, mostly): a step widens it where it trains."""
    rows: np.ndarray
    """The windows' rows of the cache."""
    counted: int
    global_size: int

    def parts(self, count: int) -> list["Batch"]:
        """The batch in at most so many parts, none empty."""
        count = min(count, len(self.rows))
        if count == 1:
            return [self]
        planes = zip(
            self.image_BCHW.tensor_split(count), self.target_BHW.tensor_split(count), strict=True
        )
        rows = np.array_split(self.rows, count)
        return [
            Batch(image_BCHW, target_BHW, of_part, len(of_part), self.global_size)
            for (image_BCHW, target_BHW), of_part in zip(planes, rows, strict=True)
        ]

    def pin_memory(self) -> "Batch":
        self.image_BCHW = self.image_BCHW.pin_memory()
        self.target_BHW = self.target_BHW.pin_memory()
        return self


class EpochPlan(Sampler[BatchPlan]):
    """A rank's batches of one epoch: a permutation by (seed, epoch), dealt out step by step.

    Every window counts exactly once over all ranks; in the last step a rank may get fewer
    than another, or one that does not count (every rank must take every step).
    """

    def __init__(self, count: int, batch_size: int, seed: int, rank: int, world: int):
        self.count, self.batch_size, self.seed = count, batch_size, seed
        self.rank, self.world, self.epoch = rank, world, 1

    def __len__(self) -> int:
        return -(-self.count // self.batch_size)

    def __iter__(self) -> Iterator[BatchPlan]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.count)
        for start in range(0, len(order), self.batch_size):
            step = order[start : start + self.batch_size]
            mine = step[self.rank :: self.world]
            yield BatchPlan(self.epoch, mine if len(mine) else step[:1], len(mine), len(step))


class SliceDataset(Dataset[Batch]):
    """Makes a whole batch at once from its plan (a DataLoader hands the plan through).

    With `copies`, number n + k * windows is the k-th copy of window n; the first is plain.
    """

    def __init__(
        self, cache: Cache, frame: Frame, windows: Windows, scaling: Scaling,
        augmentation: AugmentationSpec, copies: int, seed: int,
    ):  # fmt: skip
        self.cache, self.frame, self.windows = cache, frame, windows
        self.scaling, self.copies, self.seed = scaling, copies, seed
        self.augment = build_augmentation(augmentation)

    def __getitem__(self, plan: BatchPlan) -> Batch:
        count = len(self.windows.row_N)
        pairs = [self._pair(n % count, n // count, plan.epoch) for n in plan.windows.tolist()]
        images, masks = (np.stack(planes) for planes in zip(*pairs, strict=True))
        rows = self.windows.row_N[plan.windows % count]
        return Batch(
            self.scaling.apply(images), torch.from_numpy(masks), rows, plan.counted,
            plan.global_size,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.windows.row_N) * (1 + self.copies)

    def _pair(self, number: int, copy: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """image_HWC and mask_HW of a window, augmented by what seed, place and epoch draw, or
        seed, place and copy."""
        row, top, left = (
            int(of[number]) for of in (self.windows.row_N, self.windows.top_N, self.windows.left_N)
        )
        image = self.frame.cut(self.cache.image(row), top, left)
        mask = self.frame.cut(self.cache.mask(row), top, left)
        if not self.augment.transforms or (self.copies and not copy):
            return image, mask
        if image.dtype != np.uint8:
            image = image.astype(np.float32)
        place = [row, top << 32 | left]
        drawn = [self.seed, 0, *place, copy] if self.copies else [self.seed, epoch, *place]
        state = np.random.SeedSequence(drawn)
        return augmented(self.augment, image, mask, state)


def train_loader(
    cache: Cache, rows: np.ndarray, scaling: Scaling, spec: TrialSpec, rank: int, world: int,
    loaders: int,
) -> tuple[DataLoader[Batch], EpochPlan]:  # fmt: skip
    """Batches for training; set `plan.epoch` before each pass."""
    frame = Frame(spec.framing, cache.largest)
    windows = frame.windows(cache, rows)
    dataset = SliceDataset(
        cache, frame, windows, scaling, spec.augmentation, spec.copies, spec.seed
    )
    plan = EpochPlan(len(dataset), spec.batch_size, spec.seed, rank, world)
    loader = DataLoader(
        dataset,
        sampler=plan,
        batch_size=None,
        num_workers=loaders,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_share_by_name,
    )
    return loader, plan


def _share_by_name(loader: int) -> None:
    """A batch in shared memory that has a name needs no answer from the process that made it,
    which is busy with the next; one passed as an open file does."""
    torch.multiprocessing.set_sharing_strategy("file_system")


@dataclass(frozen=True)
class Unit:
    """Some images for evaluation, with all their windows."""

    rows: np.ndarray
    windows: Windows
    batches: Iterator[Batch]
    """The windows in order, as they are."""


def units(
    cache: Cache, frame: Frame, rows: np.ndarray, scaling: Scaling, batch_size: int
) -> Iterator[Unit]:
    """The images in order, as many at once as a batch holds; one at a time when it is in tiles.

    What a unit holds depends on the arguments alone, so the same images give the same bits.
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
