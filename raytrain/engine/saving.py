"""Write and send an epoch's files while the next epoch trains."""

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

import torch
from torch.utils import _pytree as trees

from raytrain.engine.checkpoint import delete_checkpoints, writing
from raytrain.runs.layout import TrialDir
from raytrain.runs.messages import warn
from raytrain.runs.mirror import send


class Saver:
    """Writes the files of each epoch of a training, and sends them to the storage if there is one.
    At the end of the block, all is written and sent.

    A checkpoint may have hundreds of megabytes, and the GPU would wait for them. So a thread writes
    it beside the next epoch's steps. The training calls `wait` before it writes that epoch's files,
    and in a search at once, because a report may end the trial there. If the process dies before a
    checkpoint is written, that epoch is trained again; so it is on another node if the node dies
    before the checkpoint is sent.
    """

    def __init__(self, directory: TrialDir):
        self._directory = directory
        self._thread = ThreadPoolExecutor(1, "saving")
        self._running: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._thread.shutdown()
        try:
            self.wait()
        except OSError as lost:
            if kind is None:
                raise
            warn(str(lost))  # why the training ended is said by its own error

    def start(self, write: Callable[[], None], epoch: int, kept: set[int]) -> None:
        """Call `write`, send the files of an epoch, then delete the checkpoints of all epochs
        outside `kept`."""
        self._running = self._thread.submit(self._save, write, epoch, kept)

    def wait(self) -> None:
        """Return when the files are written and sent. Raises OSError when that failed."""
        running, self._running = self._running, None
        if running is not None:
            running.result()

    def _save(self, write: Callable[[], None], epoch: int, kept: set[int]) -> None:
        with writing(self._directory.checkpoints, epoch):
            write()
            # Another machine could go on from here: only then are the earlier ones not needed.
            send(self._directory.path)
            delete_checkpoints(self._directory.checkpoints, kept)


def snapshot(state: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of `state` on the host, which the next step does not change.

    All tensors of a type are copied at once: a checkpoint has up to thousands of tensors, and for
    each copy the host would wait for the GPU.
    """
    leaves, tree = trees.tree_flatten(state)
    alike = defaultdict(list)
    for place, leaf in enumerate(leaves):
        if isinstance(leaf, torch.Tensor):
            alike[leaf.device, leaf.dtype].append(place)
    for places in alike.values():
        orders = [_memory_order(leaves[place]) for place in places]
        tensors = [
            leaves[place].detach().permute(order)
            for place, order in zip(places, orders, strict=True)
        ]
        parts = torch.cat([tensor.reshape(-1) for tensor in tensors]).cpu()
        own = parts.split([tensor.numel() for tensor in tensors])
        for place, order, tensor, part in zip(places, orders, tensors, own, strict=True):
            # A copy: torch.save would write all tensors with each view.
            copied = part.view(tensor.shape).clone()
            leaves[place] = copied.permute([order.index(axis) for axis in range(len(order))])
    found: dict[str, Any] = trees.tree_unflatten(leaves, tree)
    return found


def _memory_order(tensor: torch.Tensor) -> list[int]:
    """Return the dimensions in the order of memory. A copy in another order than that of the
    tensor, such as channels-last, would train with other bits after a resume."""
    strides = tensor.stride()
    return sorted(range(tensor.dim()), key=lambda axis: -strides[axis])
