"""A training set in device memory: batches are cut, augmented and mixed there.

Shape suffixes: N windows of the set, B images of a batch, C channels, H x W pixels.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader

from raytrain.config.trial import TrialSpec
from raytrain.data.batched.augmenter import Augmenter
from raytrain.data.cache import Cache
from raytrain.data.dataset import Batch, Scaling, SliceDataset, epoch_plan
from raytrain.data.epoch_plan import EpochPlan
from raytrain.data.framing import Frame, Windows
from raytrain.data.stacks import StackRows

AT_ONCE = 2**22
"""Number of pixels that are copied to the device at once. A window with more pixels is copied
alone."""


@dataclass(frozen=True)
class Held:
    """All windows of a set on the device, before augmentation."""

    image_NHWC: torch.Tensor
    """uint8, or float32 for all other types."""
    mask_NHW: torch.Tensor
    """uint8, or int32 for 16-bit masks, because torch does not support uint16."""
    low_N: torch.Tensor
    """The value that the transforms see as 0: 0 for 8-bit images, else the window's minimum."""
    span_N: torch.Tensor
    """The difference between `low_N` and the value that the transforms see as 1."""


def held_bytes(cache: Cache, frame: Frame, windows: Windows) -> int:
    """Return the number of bytes of device memory that these windows take."""
    image, mask = _types(cache)
    each = cache.channels * image.itemsize + mask.itemsize
    return len(windows.row_N) * (frame.height * frame.width * each + 2 * torch.float32.itemsize)


class HeldDataset(SliceDataset):
    """Makes the same batches as its base class from windows on a device. Augmentation draws other
    random numbers, but from the same distributions."""

    def __init__(
        self, cache: Cache, frame: Frame, scaling: Scaling, windows: Windows, spec: TrialSpec,
        device: torch.device,
    ):  # fmt: skip
        super().__init__(cache, frame, windows, scaling, spec.augmentation, spec.copies, spec.seed)
        self.device = device
        self.augmenter = Augmenter(spec.augmentation, (frame.height, frame.width))
        self.held = self._copied()
        self._figures = tuple(
            torch.tensor(figure, device=device) for figure in (scaling.mean, scaling.std)
        )

    def _copied(self) -> Held:
        count, (image, mask) = len(self.windows.row_N), _types(self.cache)
        size = (count, self.frame.height, self.frame.width)
        held = Held(
            torch.empty((*size, self.cache.channels), dtype=image, device=self.device),
            torch.empty(size, dtype=mask, device=self.device),
            torch.zeros(count, device=self.device),
            torch.full((count,), 255.0, device=self.device),
        )
        at_once = max(1, AT_ONCE // (self.frame.height * self.frame.width))
        for start in range(0, count, at_once):
            part = slice(start, start + at_once)
            pairs = [self.cut(number) for number in range(start, min(start + at_once, count))]
            images, masks = (np.stack(planes) for planes in zip(*pairs, strict=True))
            if image is torch.float32:
                images = images.astype(np.float32)
                low_B, high_B = images.min((1, 2, 3)), images.max((1, 2, 3))
                span_B = np.where(high_B > low_B, high_B - low_B, np.float32(1))
                held.low_N[part], held.span_N[part] = map(torch.from_numpy, (low_B, span_B))
            held.image_NHWC[part] = torch.from_numpy(images)
            held.mask_NHW[part] = torch.from_numpy(masks.astype(_NUMPY[mask]))
        return held

    def _here(self, numbers: np.ndarray) -> torch.Tensor:
        index_B = torch.from_numpy(np.ascontiguousarray(numbers))
        if self.device.type == "cuda":
            index_B = index_B.pin_memory()
        return index_B.to(self.device, non_blocking=True)

    def _stacked(self, numbers: np.ndarray, epoch: int) -> tuple[torch.Tensor, torch.Tensor]:
        count, held = len(self.windows.row_N), self.held
        index_B = self._here(numbers % count)
        image_BHWC, mask_BHW = held.image_NHWC[index_B].float(), held.mask_NHW[index_B]
        changed = numbers >= count if self.copies else np.ones(len(numbers), bool)
        if self.augmenter.parts and changed.any():
            where = np.flatnonzero(changed)
            states = [self.state(n % count, n // count, epoch) for n in numbers[where].tolist()]
            drawn = self.augmenter.draw(states)
            low, span = (plane[index_B][:, None, None, None] for plane in (held.low_N, held.span_N))
            unit_BCHW = ((image_BHWC - low) / span).permute(0, 3, 1, 2)
            if len(where) == len(numbers):
                unit_BCHW, mask_BHW = self.augmenter(unit_BCHW, mask_BHW, drawn)
            else:
                place_B = self._here(where)
                pair = self.augmenter(unit_BCHW[place_B], mask_BHW[place_B], drawn)
                unit_BCHW[place_B], mask_BHW[place_B] = pair
            image_BHWC = unit_BCHW.permute(0, 2, 3, 1) * span + low
        image_BHWC = self.scaling.scaled(image_BHWC.contiguous(), *self._figures)
        return image_BHWC.permute(0, 3, 1, 2), mask_BHW


def held_loader(
    cache: Cache, rows: np.ndarray, scaling: Scaling, spec: TrialSpec, rank: int, world: int,
    device: torch.device,
) -> tuple[DataLoader[Batch], EpochPlan]:  # fmt: skip
    """Return training batches and their plan, like `train_loader`, from windows that are held on
    the device. The device computes one batch while this process draws random numbers for the
    next."""
    frame = Frame(spec.framing, cache.largest)
    windows = frame.windows(cache, rows)
    dataset = HeldDataset(cache, frame, scaling, windows, spec, device)
    plan = epoch_plan(dataset, spec, rank, world)
    return DataLoader(dataset, sampler=plan, batch_size=None), plan


_NUMPY = {torch.uint8: np.uint8, torch.int32: np.int32}


def _types(cache: Cache) -> tuple[torch.dtype, torch.dtype]:
    """Return the types of images and masks on the device."""
    stacks = cache.pixels.stacks if isinstance(cache.pixels, StackRows) else (cache.pixels,)
    image = torch.uint8 if all(s.dtype == np.uint8 for s in stacks) else torch.float32
    return image, torch.uint8 if cache.mask_type == np.uint8 else torch.int32
