"""Batches of normalised images and masks, the same for every (seed, epoch, sample).

Shape suffixes: B images of a batch, C channels, H x W pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from raytrain.config.augmentation import AugmentationSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.augment import augmented, build_augmentation
from raytrain.data.cache import Cache


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


@dataclass(frozen=True)
class BatchPlan:
    """One worker's share of one step."""

    epoch: int
    rows: np.ndarray
    """Rows of the cache, at least one."""
    counted: int
    """How many of them count: all, or none for a worker that the last step has no image for."""
    global_size: int
    """Images in this step over all workers."""


@dataclass
class Batch:
    """What a step trains on."""

    image_BCHW: torch.Tensor
    target_BHW: torch.Tensor
    rows: np.ndarray
    counted: int
    global_size: int

    def pin_memory(self) -> "Batch":
        self.image_BCHW = self.image_BCHW.pin_memory()
        self.target_BHW = self.target_BHW.pin_memory()
        return self


class EpochPlan(Sampler[BatchPlan]):
    """A rank's batches of one epoch: a permutation by (seed, epoch), dealt out step by step.

    Every row counts exactly once over all ranks; in the last step a rank may get fewer rows
    than another, or one that does not count (every rank must take every step).
    """

    def __init__(self, rows: np.ndarray, batch_size: int, seed: int, rank: int, world: int):
        self.rows, self.batch_size, self.seed = rows, batch_size, seed
        self.rank, self.world, self.epoch = rank, world, 1

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[BatchPlan]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.rows)
        for start in range(0, len(order), self.batch_size):
            step = order[start : start + self.batch_size]
            mine = step[self.rank :: self.world]
            yield BatchPlan(self.epoch, mine if len(mine) else step[:1], len(mine), len(step))


class SliceDataset(Dataset[Batch]):
    """Makes a whole batch at once from its plan (a DataLoader hands the plan through)."""

    def __init__(self, cache: Cache, scaling: Scaling, augmentation: AugmentationSpec, seed: int):
        self.cache, self.scaling, self.seed = cache, scaling, seed
        self.augment = build_augmentation(augmentation)

    def __getitem__(self, plan: BatchPlan) -> Batch:
        images, masks = self.cache.images_NHWC[plan.rows], self.cache.masks_NHW[plan.rows]
        if self.augment.transforms:
            if images.dtype != np.uint8:
                images = images.astype(np.float32)
            for i, row in enumerate(plan.rows):
                state = np.random.SeedSequence([self.seed, plan.epoch, int(row)])
                images[i], masks[i] = augmented(self.augment, images[i], masks[i], state)
        target = torch.from_numpy(masks).to(torch.int64)
        return Batch(self.scaling.apply(images), target, plan.rows, plan.counted, plan.global_size)


def train_loader(
    cache: Cache, rows: np.ndarray, scaling: Scaling, spec: TrialSpec, rank: int, world: int,
    loaders: int,
) -> tuple[DataLoader[Batch], EpochPlan]:  # fmt: skip
    """Batches for training; set `plan.epoch` before each pass."""
    plan = EpochPlan(rows, spec.batch_size, spec.seed, rank, world)
    dataset = SliceDataset(cache, scaling, spec.augmentation, spec.seed)
    loader = DataLoader(
        dataset,
        sampler=plan,
        batch_size=None,
        num_workers=loaders,
        pin_memory=torch.cuda.is_available(),
    )
    return loader, plan


def fixed_batches(
    cache: Cache, rows: np.ndarray, scaling: Scaling, batch_size: int
) -> Iterator[Batch]:
    """The rows in order, as they are, for validation and prediction."""
    dataset = SliceDataset(cache, scaling, "none", 0)
    for start in range(0, len(rows), batch_size):
        part = rows[start : start + batch_size]
        yield dataset[BatchPlan(0, part, len(part), len(part))]
