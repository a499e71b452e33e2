"""How busy this machine is: its CPU load and, where `nvidia-smi` is installed, its GPUs."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable

EVERY_S = 5.0
"""Smallest number of seconds between two readings of the GPUs."""
ASKED = "--query-gpu=utilization.gpu,memory.used,memory.total"
SHOWN = 4
"""Largest number of GPUs that are shown one by one."""


class Usage:
    """Reads the load of this machine, at most once in `EVERY_S`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._looked_s: float | None = None
        self._text = ""

    def text(self) -> str:
        """Return a text such as `CPU load 1.8 of 2 cores, GPU 93 % with 12.3 of 80.0 GiB`."""
        now_s = self._clock()
        if self._looked_s is None or now_s - self._looked_s >= EVERY_S:
            self._looked_s = now_s
            self._text = ", ".join([*_cpu_text(), *_gpu_texts()])
        return self._text


def _cpu_text() -> list[str]:
    if not hasattr(os, "getloadavg"):  # Windows
        return []
    return [f"CPU load {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores"]


def _gpu_texts() -> list[str]:
    """Return one text per GPU, or one text with their mean if there are many; nothing if the GPUs
    cannot be read."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    words = [program, ASKED, "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=EVERY_S, check=True)
        figures = [[float(word) for word in line.split(",")] for line in done.stdout.splitlines()]
        gpus = [(busy, used, total) for busy, used, total in figures]
    except (OSError, subprocess.SubprocessError, ValueError):  # a GPU that does not count its use
        return []
    if len(gpus) > SHOWN:
        return [f"{len(gpus)} GPUs {sum(busy for busy, _, _ in gpus) / len(gpus):.0f} % busy"]
    return [
        f"GPU {busy:.0f} % with {used / 1024:.1f} of {total / 1024:.1f} GiB"
        for busy, used, total in gpus
    ]
