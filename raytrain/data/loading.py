"""Batches from processes beside this one, which hand them over in shared memory."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

SHARED = Path("/dev/shm")
AHEAD = 2
"""Batches that each process prepares before they are asked for."""
STALL_VARIABLE = "RAYTRAIN_STALL_S"
"""Sets the shortest standstill, in seconds, that ends a worker process."""
STALL_S = 60.0
LIMIT = 10.0
"""So many times the standstill is the longest wait for one batch: the first one comes late."""
HELP = (
    "set resources.loaders=0, or give the container more shared memory (docker run --shm-size=8g, "
    "or an emptyDir with medium: Memory at /dev/shm)"
)


class LoaderError(ValueError):
    """The processes that prepare batches do not deliver."""


class BatchLoader(DataLoader[Any]):
    """A DataLoader whose processes are known to have room, and that does not wait for ever."""

    def __init__(
        self, dataset: Dataset[Any], sampler: Sampler[Any], loaders: int, batch_bytes: int,
        pin_memory: bool,
    ):  # fmt: skip
        """Raises LoaderError when shared memory has no room for the batches of all `loaders`."""
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
        """The batches. Raises LoaderError when one does not come in time, or a process died."""
        try:
            yield from super().__iter__()
        except RuntimeError as error:
            # torch has no type of its own for either.
            text = str(error)
            if not text.startswith(("DataLoader timed out", "DataLoader worker")):
                raise
            raise LoaderError(
                f"resources.loaders: no batch came from the {self.num_workers} processes that "
                f"prepare them ({text}); {HELP}"
            ) from None


def room_problem(loaders: int, batch_bytes: int) -> str | None:
    """Why so many processes cannot hand over batches of this size here, or None."""
    if not loaders or not SHARED.is_dir():
        return None
    found = os.statvfs(SHARED)
    free, need = found.f_bavail * found.f_frsize, (AHEAD * loaders + 1) * batch_bytes
    if need <= free:
        return None
    return (
        f"resources.loaders: {loaders} processes that prepare batches need {need / 1e6:.3g} MB of "
        f"{SHARED}, which has {free / 1e6:.3g} MB free; {HELP}"
    )


def _set_up_loader(loader: int) -> None:
    """Share batches by name, and leave Ctrl-C to the process that trains: it ends its loaders.

    A batch in shared memory that has a name needs no answer from the process that made it, which
    is busy with the next batch; one passed as an open file does.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.multiprocessing.set_sharing_strategy("file_system")
