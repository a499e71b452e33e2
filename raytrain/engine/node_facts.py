"""The facts about one machine of a cluster: versions, GPUs, memory, disk, folders and its clock."""

import os
import platform
import shutil
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch

from raytrain.runs.mirror import bring, remove, send
from raytrain.runs.store import cache_root, stored_path

PROBE_BYTES = 16 * 1024**2
GIB = 1024**3
SHM = Path("/dev/shm")


@dataclass(frozen=True)
class NodeFacts:
    """The facts about one machine of a cluster."""

    host: str
    versions: dict[str, str]
    gpus: tuple[str, ...]
    """Names of the GPUs that torch sees."""
    gpu_fault: str
    """Why the GPUs cannot be used; empty if they multiply matrices correctly, or if there are
    none."""
    shm_gb: float | None
    """Free shared memory in GB; None if the system has no /dev/shm."""
    cache_gb: float
    """Free disk in GB for decoded images."""
    storage_mb_s: float | None
    """Speed of writing to the storage, in MB/s; None if writing failed."""
    storage_fault: str
    data_fault: str
    clock_s: float
    """Unix time on this machine."""


def node_facts(storage: Path | None, token: str, data: Path | None) -> NodeFacts:
    """Return the facts about this machine: what it reports, and tests of GPUs, storage and data.

    `token` is the name of a file that the driver has written into the storage. A machine that does
    not see this file has another folder under the same path.
    """
    gpus = tuple(torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count()))
    speed, storage_fault = _storage(storage, token) if storage else (None, "")
    return NodeFacts(
        host=socket.gethostname(),
        versions={
            "python": platform.python_version(),
            "torch": torch.__version__,
            "ray": version("ray"),
            "CUDA": torch.version.cuda or "none",
        },
        gpus=gpus,
        gpu_fault=_gpu_fault(),
        shm_gb=shutil.disk_usage(SHM).free / GIB if SHM.is_dir() else None,
        cache_gb=shutil.disk_usage(_existing(cache_root())).free / GIB,
        storage_mb_s=speed,
        storage_fault=storage_fault,
        data_fault=_data_fault(data) if data else "",
        clock_s=time.time(),
    )


def _gpu_fault() -> str:
    """Return why a GPU of this machine cannot multiply matrices correctly, or ""."""
    driver = Path("/proc/driver/nvidia/version")
    if not torch.cuda.is_available():
        return f"torch {torch.__version__} cannot use the GPU's driver" if driver.exists() else ""
    for number in range(torch.cuda.device_count()):
        try:
            a = torch.ones(64, 64, device=f"cuda:{number}")
            if (a @ a).sum().item() != 64.0**3:
                return f"GPU {number} multiplies wrongly"
        except RuntimeError as error:
            return f"GPU {number}: {str(error).splitlines()[0]}"
    return ""


def _storage(folder: Path, token: str) -> tuple[float | None, str]:
    """Return the speed of a write in MB/s, or None and why the folder cannot be used. What is
    written to object storage is fetched again."""
    probe = folder / f"{token}-{socket.gethostname()}-{os.getpid()}"
    content = os.urandom(PROBE_BYTES)
    is_remote = stored_path(folder) is not None
    try:
        bring(folder / token)
        if not (folder / token).is_file():
            return None, (
                "is another folder here: the file that raytrain wrote there before is missing"
            )
        start = time.perf_counter()
        with probe.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        send(probe)
        seconds = time.perf_counter() - start
        if is_remote:
            probe.unlink()
            bring(probe)
        if probe.read_bytes() != content:
            return None, "returns other bytes than raytrain wrote"
    except OSError as error:
        return None, f"cannot be written: {error.strerror}"
    finally:
        with suppress(OSError):  # what failed is in the answer
            remove(probe)
        if is_remote:
            shutil.rmtree(folder, ignore_errors=True)
    return PROBE_BYTES / 1e6 / max(seconds, 1e-9), ""


def _data_fault(path: Path) -> str:
    try:
        found = path.is_file() or any(path.iterdir())
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if found else "is empty here"


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())
