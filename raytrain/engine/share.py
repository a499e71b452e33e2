"""Several trainings on one GPU. Each may use its share of the memory, and frees it at the end."""

import gc
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch

CONTEXT_BYTES = 600_000_000
"""Bytes that CUDA itself needs per process. torch's limit does not count them."""


def memory_fraction(gpus: float, total_bytes: int) -> float:
    """Return the fraction, above 0 and up to 1, of a GPU's memory for the tensors of a worker with
    `gpus` GPUs.

    Raises ValueError when the share is too small for CUDA itself.
    """
    if gpus >= 1:
        return 1.0
    fraction = gpus - CONTEXT_BYTES / total_bytes
    if fraction <= 0:
        raise ValueError(
            f"resources.gpus: {gpus:g} of a GPU of {total_bytes / 1e9:.0f} GB is less than the "
            f"{CONTEXT_BYTES / 1e9:g} GB that CUDA itself needs; set resources.gpus higher"
        )
    return fraction


def missing_gpu(gpus: float) -> str | None:
    """Return why torch finds no GPU in this process although a GPU was requested, else None."""
    if not gpus or torch.cuda.is_available():
        return None
    try:
        torch.cuda.init()
        reason = "torch counts none"
    except (RuntimeError, AssertionError) as error:  # without a driver, or built without CUDA
        reason = str(error).strip().split("\n")[0]
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    shown = "" if seen is None else f"; CUDA_VISIBLE_DEVICES is {seen!r}"
    return (
        f"resources.gpus: {gpus:g} requested, but {platform.node()} has none that torch can use "
        f"({reason}{shown}); repair the node, or set resources.gpus=0 to train on the CPU"
    )


def refuse_missing_gpu(gpus: float) -> None:
    """Raise ValueError that names this node and the reason if a requested GPU is missing."""
    if problem := missing_gpu(gpus):
        raise ValueError(problem)


@contextmanager
def gpu_share(gpus: float) -> Iterator[None]:
    """Limit a training to its share `gpus` of the one GPU that its worker sees.

    Above the limit, torch.OutOfMemoryError is raised here, and not in another training on the same
    GPU. Memory is also freed before the block, because an exception that is being propagated keeps
    its training alive. Raises ValueError when there is no GPU.
    """
    refuse_missing_gpu(gpus)
    _free()
    if gpus:
        total_bytes = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
        torch.cuda.set_per_process_memory_fraction(memory_fraction(gpus, total_bytes))
    try:
        yield
    finally:
        _free()


def _free() -> None:
    # Networks and optimizers reference each other in cycles, and torch caches freed memory.
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
