"""This process's place among the workers of one trial; alone when no group was set up."""

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
        """The model with gradients averaged over the workers; as it is when there is one."""
        if self.size == 1:
            return model
        # Some encoders hold parameters that never get a gradient; the graph is always the same, but
        # torch's short cut for that breaks off when passes are left unsynced.
        return DistributedDataParallel(
            model,
            device_ids=[self.device] if self.device.type == "cuda" else None,
            static_graph=accumulate == 1,
            find_unused_parameters=accumulate > 1,
        )

    def unsynced(self, network: nn.Module) -> AbstractContextManager[None]:
        """Within it, backward passes leave the workers' gradients apart."""
        if self.size == 1:
            return nullcontext()
        # torch.compile passes what it does not know on to what it compiled.
        return network.no_sync()  # type: ignore[operator]

    def with_norms(self, model: nn.Module, norms: str) -> nn.Module:
        """The model, its BatchNorm over all workers' shares where `synced` norms are asked for.

        Parameters and buffers are the same ones under the same names.
        """
        if norms == "per_worker" or self.size == 1:
            return model
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)

    def sum_(self, tensor: torch.Tensor) -> torch.Tensor:
        """Sum over the workers, in place."""
        if self.size > 1:
            distributed.all_reduce(tensor)
        return tensor

    def share_buffers(self, model: nn.Module) -> None:
        """Give every worker rank 0's buffers: running statistics are each worker's own."""
        if self.size > 1:
            for buffer in model.buffers():
                distributed.broadcast(buffer, 0)

    def gather(self, value: Any) -> list[Any]:
        """What every worker gives, by rank."""
        found = [value] * self.size
        if self.size > 1:
            distributed.all_gather_object(found, value)
        return found

    def barrier(self) -> None:
        """Wait for all workers."""
        if self.size > 1:
            distributed.barrier()


def current_world() -> World:
    """Read the process group that whoever started this process has set up."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cuda":
        device = torch.device("cuda", torch.cuda.current_device())
    if distributed.is_available() and distributed.is_initialized():
        return World(distributed.get_rank(), distributed.get_world_size(), device)
    return World(0, 1, device)
