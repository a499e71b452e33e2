"""Memory: the peak, the free amount, and what to do when it does not suffice."""

import os
import sys
from contextlib import suppress
from pathlib import Path

import torch

from raytrain.config.trial import TrialSpec
from raytrain.engine.parallel import World
from raytrain.runs.files import read_json, write_json
from raytrain.runs.history import Row
from raytrain.runs.layout import TrialDir

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

GB = 1e9
UNKNOWN = "this system (Windows, for example) does not report how much memory {}; set {}"
ONE_IMAGE = (
    "out of memory with one image at once: choose a smaller network, or smaller tiles or images "
    "(trial.framing)"
)


def device_used(world: World) -> Row:
    """Return the name of the `device` and the peaks so far: `host_gb` of this process, if the
    system reports it, and `device_gb` of the training's tensors on a GPU."""
    row: Row = {"device": _device_name(world.device)}
    if resource is not None:
        row["host_gb"] = round(peak_bytes(torch.device("cpu")) / GB, 3)
    if world.device.type == "cuda":
        row["device_gb"] = round(peak_bytes(world.device) / GB, 3)
    return row


def forget_peaks(device: torch.device) -> None:
    """Reset the peaks on a GPU, because a process trains several networks, one after another."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' * (threads != 1)}"


def peak_bytes(device: torch.device) -> int:
    """Return the peak bytes so far: of tensors on a GPU, or of this process on the CPU.

    Raises ValueError on the CPU of a system that does not report them.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if resource is None:
        raise ValueError(UNKNOWN.format("a process takes", "trial.batch_size to a number"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)


def free_memory(device: torch.device) -> int:
    """Return the free bytes on a device; on the CPU, those of the host or the container.

    Raises ValueError on the CPU of a system that does not report them.
    """
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    free = []
    if hasattr(os, "sysconf"):
        free.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError):  # only Linux has this file
        lines = dict(
            line.split(":") for line in Path("/proc/meminfo").read_text("utf-8").splitlines()
        )
        free.append(1024 * int(lines["MemAvailable"].split()[0]))
    with suppress(OSError, ValueError):  # no container, or one without a limit
        limit, used = (Path(f"/sys/fs/cgroup/memory.{n}").read_text() for n in ("max", "current"))
        free.append(int(limit) - int(used))
    if not free:
        asked = "trial.hold to host, and trial.batch_size to a number"
        raise ValueError(UNKNOWN.format("is free", asked))
    return max(0, min(free))


class PartsError(RuntimeError):
    """Raised when a worker's part of a batch did not fit into memory. The group of workers restarts
    with `parts` parts."""

    def __init__(self, parts: int, at_once: int):
        super().__init__(
            f"out of memory with {at_once} images at once on a worker: all workers continue from "
            f"the last complete epoch with trial.accumulate={parts}"
        )
        self.parts = parts


def with_smaller_parts(spec: TrialSpec, images: int, world: World) -> TrialSpec:
    """Return the spec with twice the number of parts, after this worker's share of `images` did not
    fit.

    Raises ValueError with one image at a time, because no smaller part exists. Raises PartsError
    with several workers. The other workers wait for this worker's gradients, and some gradients may
    have been exchanged, so that no worker can return to the start of the step.
    """
    at_once = -(-images // spec.accumulate)
    if at_once == 1:
        raise ValueError(ONE_IMAGE)
    if world.size > 1:
        raise PartsError(2 * spec.accumulate, at_once)
    if world.device.type == "cuda":
        torch.cuda.empty_cache()
    return spec.model_copy(update={"accumulate": 2 * spec.accumulate})


def ask_for_parts(directory: TrialDir, error: PartsError) -> None:
    """Write to the trial's folder into how many parts a worker's share of a batch must be divided.
    The workers read it when they restart."""
    write_json(directory.parts, {"accumulate": error.parts, "reason": str(error)})


def asked_parts(directory: TrialDir, spec: TrialSpec) -> tuple[int, str | None]:
    """Return the number of parts of a worker's share of a batch, and a note for the record.

    The number is the one in the trial's folder if it is larger than `spec.accumulate`. Otherwise it
    is `spec.accumulate`, and there is no note.
    """
    if not directory.parts.is_file():
        return spec.accumulate, None
    asked = read_json(directory.parts, directory.remedy)
    if asked["accumulate"] <= spec.accumulate:
        return spec.accumulate, None
    return asked["accumulate"], asked["reason"]
