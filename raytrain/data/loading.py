"""Batches from loader processes, passed in shared memory."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

SHARED = Path("/dev/shm")
AHEAD = 2
"""Number of batches that each process prepares in advance."""
STALL_VARIABLE = "RAYTRAIN_STALL_S"
"""Environment variable with the shortest hang, in seconds, after which a worker process is
ended."""
STALL_S = 60.0
LIMIT = 10.0
"""Longest wait for one batch, as a multiple of the shortest hang, because the first batch takes
long."""
ALIGNED = 16
"""The position of each tensor in a packed batch is a multiple of this number of bytes."""
Layout = dict[str, tuple[int, torch.dtype, torch.Size, tuple[int, ...]]]
"""Name of a tensor -> its first byte, type, shape and strides."""
HELP = (
    "set resources.loaders=0, or give the container more shared memory (docker run --shm-size=8g, "
    "or an emptyDir with medium: Memory at /dev/shm)"
)


class LoaderError(ValueError):
    """Raised when the loader processes do not deliver batches."""


class BatchLoader(DataLoader[Any]):
    """A DataLoader that checks shared memory for its processes, and does not wait forever."""

    def __init__(
        self, dataset: Dataset[Any], sampler: Sampler[Any], loaders: int, batch_bytes: int,
        pin_memory: bool,
    ):  # fmt: skip
        """Set up the loader. Raises LoaderError when shared memory has no room for the batches of
        `loaders` processes."""
        problem = room_problem(loaders, batch_bytes)
        if problem:
            raise LoaderError(problem)
        stall_s = float(os.environ.get(STALL_VARIABLE, STALL_S))
        super().__init__(
            dataset,
            sampler=sampler,
            batch_size=None,
            num_workers=loaders,
            prefetch_factor=AHEAD if loaders else None,
            timeout=LIMIT * stall_s if loaders else 0,
            pin_memory=pin_memory,
            worker_init_fn=_set_up_loader,
        )

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # torch's base class is private
        """Yield the batches. Raises LoaderError when one does not arrive in time, or a process
        died."""
        try:
            yield from super().__iter__()
        except RuntimeError as error:
            # torch has no exception type of its own for either.
            text = str(error)
            if not text.startswith(("DataLoader timed out", "DataLoader worker")):
                raise
            raise LoaderError(
                f"resources.loaders: no batch came from the {self.num_workers} processes that "
                f"prepare them ({text}); {HELP}"
            ) from None


def room_problem(loaders: int, batch_bytes: int) -> str | None:
    """Return why `loaders` processes cannot pass batches of this size (bytes) through this
    machine's shared memory, or None."""
    if not loaders or not SHARED.is_dir():
        return None
    found = os.statvfs(SHARED)
    free, need = found.f_bavail * found.f_frsize, (AHEAD * loaders + 1) * batch_bytes
    if need <= free:
        return None
    return (
        f"resources.loaders: {loaders} processes that prepare batches need {need / 1e6:.3g} MB in "
        f"{SHARED}, but {free / 1e6:.3g} MB are free; {HELP}"
    )


def _set_up_loader(loader: int) -> None:
    """Share batches by name, and ignore Ctrl-C, which the training process handles for its loaders.

    A named batch in shared memory needs no response from the process that made it, which is busy
    with the next batch. A batch that is passed as an open file needs one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.multiprocessing.set_sharing_strategy("file_system")


def packed(tensors: dict[str, torch.Tensor]) -> tuple[torch.Tensor, Layout]:
    """Return the bytes of all tensors as one tensor, and the position of each of them.

    Each received tensor, large or small, costs a file in shared memory and an answer of torch's
    manager of these files.
    """
    layout, end = {}, 0
    for name, tensor in tensors.items():
        strides = torch.empty_like(tensor, device="meta").stride()
        layout[name] = (end, tensor.dtype, tensor.shape, strides)
        end += -(-tensor.nbytes // ALIGNED) * ALIGNED
    whole = torch.empty(end, dtype=torch.uint8)
    for name, place in unpacked(whole, layout).items():
        place.copy_(tensors[name])
    return whole, layout


def unpacked(whole: torch.Tensor, layout: Layout) -> dict[str, torch.Tensor]:
    """Return name -> tensor from the two results of `packed`. The tensors are views of `whole`."""
    return {
        name: whole[first : first + shape.numel() * kind.itemsize]
        .view(kind)
        .as_strided(shape, strides)
        for name, (first, kind, shape, strides) in layout.items()
    }
