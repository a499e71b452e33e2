"""Find the largest batches that fit, by trying training and evaluation with doubling sizes."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from raytrain.data.dataset import Batch
from raytrain.data.framing import Frame, network_size
from raytrain.data.held import held_bytes
from raytrain.engine.hold import hold_place
from raytrain.engine.loop import Training
from raytrain.engine.memory import ONE_IMAGE, forget_peaks, free_memory, peak_bytes
from raytrain.engine.parallel import current_world
from raytrain.engine.step import forward, probabilities, train_step
from raytrain.engine.trial import Samples, build_training
from raytrain.runs.record import Task

MARGIN = 0.1
"""Share of the free memory that is reserved for needs that a measured step does not show."""


@dataclass(frozen=True)
class Largest:
    """The result of a search for the largest batch."""

    images: int
    took: int
    """Peak bytes of a step with `images` images."""
    free: int
    """Free bytes before the first step."""
    all_fit: bool
    """Whether even all available images fit at once."""


def largest_batch(
    step: Callable[[int], None], cap: int, free: int, device: torch.device
) -> Largest:
    """Return the largest of 1, 2, 4 ... `cap` images for which a step takes at most `free` bytes,
    less a margin. Raises ValueError when one image does not fit.

    When memory runs out, a device raises an error, but a host kills the process. On a host, a size
    is therefore not tried if the last step shows that it would not fit.
    """
    most, start = int((1 - MARGIN) * free), peak_bytes(device)
    found, count = None, 1
    while True:
        took = _took(step, count, device, start)
        if took is None or took > most:
            break
        found = Largest(count, took, free, count == cap)
        if count == cap or (device.type == "cpu" and 2 * took > most):
            break
        count = min(2 * count, cap)
    if found is None:
        raise ValueError(ONE_IMAGE)
    return found


def _took(step: Callable[[int], None], count: int, device: torch.device, start: int) -> int | None:
    """Return the peak bytes above `start`; None if memory ran out."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    forget_peaks(device)
    try:
        step(count)
    except torch.OutOfMemoryError:
        return None
    return max(0, peak_bytes(device) - start)


def probe_batches(task: Task, samples: Samples) -> dict[str, dict[str, Any]]:
    """Return the largest batches on this worker's device, as the fields of `Largest`, for
    `training` and for `evaluation`."""
    world, spec, cache = current_world(), task.spec, samples.cache
    torch.set_num_threads(task.cpus)
    rows = cache.rows(task.train_ids)
    frame = Frame(spec.framing, cache.largest)
    windows = frame.windows(cache, rows)
    training = build_training(task, samples, world, None)
    place, _ = hold_place(spec, cache, rows, world, None)
    shape = (samples.report.channels, *network_size(spec.framing, samples.report.largest))
    # An optimizer allocates its state in its first step.
    _train(training, shape, 1)
    free = free_memory(world.device)
    free -= held_bytes(cache, frame, windows) if place == "device" else 0
    cap = len(windows.row_N)
    evaluation = largest_batch(
        lambda count: _evaluate(training, shape, count), cap, free, world.device
    )
    trained = largest_batch(lambda count: _train(training, shape, count), cap, free, world.device)
    return {"training": asdict(trained), "evaluation": asdict(evaluation)}


def _train(training: Training, shape: tuple[int, int, int], count: int) -> None:
    image_BCHW = torch.randn(count, *shape).to(memory_format=torch.channels_last)
    target_BHW = torch.zeros(count, *shape[1:], dtype=torch.uint8)
    batch = Batch(image_BCHW, target_BHW, np.arange(count), count, count)
    training.network.train()
    share = train_step(
        training.network, batch, training.loss, training.optimizer, training.scaler,
        training.spec.model_copy(update={"accumulate": 1}), training.world,
    )  # fmt: skip
    float(share)  # waits for the device


@torch.inference_mode()
def _evaluate(training: Training, shape: tuple[int, int, int], count: int) -> None:
    image_BCHW = torch.randn(count, *shape).to(memory_format=torch.channels_last)
    model = training.model.eval()
    logits_BKHW = forward(model, image_BCHW.to(training.world.device), training.spec.precision)
    float(probabilities(logits_BKHW, "multi_label").sum())
