"""CPU seconds of a tree of processes, by what they are (from /proc: Linux only)."""

import os
from collections import Counter
from pathlib import Path

KINDS = {
    "gcs/gcs_server": "gcs", "raylet/raylet ": "raylet", "dashboard": "dashboard",
    "Agent": "agents", "log_monitor.py": "log monitor", "monitor.py": "autoscaler",
    "RayTrainWorker": "workers", "benchmarks.scaled_loop": "workers",
}  # fmt: skip
"""Part of a command line -> what it is; what has none of them is an actor of Ray's or idle."""


def cpu_seconds(root: int) -> Counter[str]:
    """Of the process `root` and all below it, until now; ended children count to their parents."""
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:  # it has ended
            continue
        pid = int(path.parent.name)
        parents[pid] = int(fields[1])
        # User and system time, its own and that of children it has waited for.
        seconds[pid] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    found: Counter[str] = Counter()
    for pid, spent in seconds.items():
        if _is_below(pid, root, parents):
            found[_kind(pid, root)] += spent  # type: ignore[assignment]  # a float
    return found


def _is_below(pid: int, root: int, parents: dict[int, int]) -> bool:
    while pid not in (root, 0, 1):
        pid = parents.get(pid, 0)
    return pid == root


def _kind(pid: int, root: int) -> str:
    if pid == root:
        return "driver"
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return "actors"
    # What follows are options, among them the addresses of the others.
    return next((kind for part, kind in KINDS.items() if part in words[:200]), "actors")
