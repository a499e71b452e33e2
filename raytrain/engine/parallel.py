"""The rank of this process among the workers of one trial. Without a process group, it is alone."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class World:
    """Rank and size of the process group, and this process's device."""

    rank: int
    size: int
    device: torch.device

    def wrap(self, model: nn.Module, accumulate: int) -> nn.Module:
        """Return the model with gradients averaged over the workers. For one worker, it is the same
        model."""
        if self.size == 1:
            return model
        # Some encoders hold parameters that never get a gradient. The graph never changes, but
        # torch's optimization for static graphs fails when passes are left unsynced.
        return DistributedDataParallel(
            model,
            device_ids=[self.device] if self.device.type == "cuda" else None,
            static_graph=accumulate == 1,
            find_unused_parameters=accumulate > 1,
        )

    def unsynced(self, network: nn.Module) -> AbstractContextManager[None]:
        """Return a context in which backward passes do not exchange gradients."""
        if self.size == 1:
            return nullcontext()
        # A compiled module forwards unknown attributes to the original one.
        return network.no_sync()  # type: ignore[operator]

    def with_norms(self, model: nn.Module, norms: str) -> nn.Module:
        """Return the model. If `norms` is `synced`, its BatchNorm computes statistics over all
        workers' shares.

        Parameters and buffers keep their identity and their names.
        """
        if norms == "per_worker" or self.size == 1:
            return model
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)

    def sum_(self, tensor: torch.Tensor) -> torch.Tensor:
        """Sum a tensor over the workers, in place."""
        if self.size > 1:
            distributed.all_reduce(tensor)
        return tensor

    def share_buffers(self, model: nn.Module) -> None:
        """Copy rank 0's buffers to every worker, because running statistics differ between them."""
        if self.size > 1:
            for buffer in model.buffers():
                distributed.broadcast(buffer, 0)

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all workers, by rank."""
        found = [value] * self.size
        if self.size > 1:
            distributed.all_gather_object(found, value)
        return found

    def barrier(self) -> None:
        """Wait until all workers have called this method."""
        if self.size > 1:
            distributed.barrier()


def current_world() -> World:
    """Return rank, size and device of this process. Without a process group of torch.distributed,
    the rank is 0 and the size is 1."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cuda":
        device = torch.device("cuda", torch.cuda.current_device())
    if distributed.is_available() and distributed.is_initialized():
        return World(distributed.get_rank(), distributed.get_world_size(), device)
    return World(0, 1, device)
