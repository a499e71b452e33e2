"""Steps whose loss or gradients are not finite. They are reported and saved, or skipped.

Shape suffix: S steps of an epoch.
"""

import io
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

from raytrain.config.trial import TrialSpec
from raytrain.data.dataset import Batch, SliceDataset
from raytrain.engine.parallel import World
from raytrain.runs.files import write_bytes

SHOWN = 12
"""Largest number of image names in a message. The saved file lists all of them."""


def watched(share: torch.Tensor, spec: TrialSpec) -> torch.Tensor:
    """Return the loss to differentiate.

    If the trial skips steps that are not finite, a loss that is not finite becomes NaN, and so do
    all gradients. Every worker then sees NaN in the averaged gradients.
    """
    if spec.not_finite == "stop":
        return share
    return share * torch.where(share.detach().isfinite(), 1.0, torch.nan)


class Buffers:
    """A copy of a network's buffers, because a skipped step must not change running statistics."""

    def __init__(self, model: nn.Module, spec: TrialSpec):
        self._model = model
        skips = spec.not_finite == "skip"
        self._before = [buffer.clone() for buffer in model.buffers()] if skips else None

    def judge(self, share: torch.Tensor) -> torch.Tensor:
        """Return `share`, this worker's share of the loss. If a gradient is not finite and the
        trial skips such steps, return NaN and restore the buffers instead.

        Call it after the backward pass. The host does not wait for the device.
        """
        if self._before is None:
            return share
        gradients = [p.grad for p in self._model.parameters() if p.grad is not None]
        finite = torch.stack([gradient.isfinite().all() for gradient in gradients]).all()
        for buffer, before in zip(self._model.buffers(), self._before, strict=True):
            buffer.copy_(torch.where(finite, buffer, before))
        return torch.where(finite, share, torch.nan)


def finite_steps(
    own_S: torch.Tensor, loader: DataLoader[Batch], spec: TrialSpec, world: World, epoch: int,
    folder: Path,
) -> torch.Tensor:  # fmt: skip
    """Return the losses of the steps that were taken, summed over all workers' shares.

    Raises ValueError that names the epoch, the step, the images and the files with the saved batch:
    when a loss is not finite and the trial does not skip such steps, or when no step is left.
    """
    share_S = world.sum_(own_S.clone())
    finite_S = share_S.isfinite()
    if bool(finite_S.all()):
        return share_S
    if spec.not_finite == "skip" and bool(finite_S.any()):
        return share_S[finite_S]
    step = int((~finite_S).nonzero()[0])
    mine = None if bool(own_S[step].isfinite()) else _saved(loader, epoch, step, world, folder)
    found = [each for each in world.gather(mine) if each is not None]
    names = [name for _, part in found for name in part]
    shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" * (len(names) > SHOWN))
    files = ", ".join(file for file, _ in found)
    advice = "lower optimizer.lr, or set clip_norm"
    if spec.not_finite == "stop":
        advice += ", or not_finite=skip to leave such steps out"
    raise ValueError(
        f"the loss is {float(share_S[step])} at epoch {epoch}, step {step + 1} (images {shown}; "
        f"batch in {files}): {advice}"
    )


def _saved(
    loader: DataLoader[Batch], epoch: int, step: int, world: World, folder: Path
) -> tuple[str, list[str]]:
    """Save this worker's share of a step; returns the file and the names of its images.

    The batch is rebuilt, because it depends only on seed, epoch and step.
    """
    dataset = loader.dataset
    assert isinstance(dataset, SliceDataset)
    assert loader.sampler is not None
    plan = list(loader.sampler)[step]
    batch = dataset[plan]
    names = dataset.cache.ids.take(batch.rows).to_pylist()
    path = folder / f"not_finite_epoch{epoch:04d}_step{step + 1:05d}_rank{world.rank}.pt"
    buffer = io.BytesIO()
    planes = {
        "image_BCHW": batch.image_BCHW, "target_BHW": batch.target_BHW,
        "other_BHW": batch.other_BHW, "share": batch.share,
    }  # fmt: skip
    here = {name: plane.cpu() for name, plane in planes.items() if isinstance(plane, torch.Tensor)}
    torch.save({"epoch": epoch, "step": step + 1, "images": names, **planes, **here}, buffer)
    write_bytes(path, buffer.getvalue())
    return str(path), names
