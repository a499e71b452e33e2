"""Kill a worker process that hangs as a whole, because a signal stopped it or it is stuck in C
code.

The watchdog is a thread of the process that it watches, and hangs with it. This guard is a separate
process, `guard.py PID LIMIT_S FILE WHO NODE`, that receives heartbeats on its standard input.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LIMIT = 2.0
"""How long to wait, as a multiple of the watchdog's shortest limit, so that other workers notice
the hang first."""


@contextmanager
def guarded(floor_s: float, folder: Path, node: str, rank: int, ranks: int) -> Iterator[None]:
    """Start a guard process that kills this process if it does not run for twice `floor_s` seconds
    within the block.

    A file in `folder` then reports the kill in the watchdog's format. Windows has neither such a
    kill nor a way to wait for a pipe, so nothing is guarded there.
    """
    if not hasattr(signal, "SIGKILL"):
        yield
        return
    # Not at the top: the guard, which runs this file, imports only the standard library.
    from raytrain.runs.repeated import repeated

    limit_s = LIMIT * floor_s
    note = folder / f"stalled_epoch0000_step00000_rank{rank}.txt"
    words = [str(os.getpid()), str(limit_s), str(note), f"rank {rank} of {ranks} on {node}", node]
    with subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, *words], stdin=subprocess.PIPE
    ) as guard:
        stdin = guard.stdin
        assert stdin is not None

        def beat() -> None:
            with suppress(OSError):  # the guard is gone, so there is no watching
                os.write(stdin.fileno(), b".")

        try:
            with repeated(beat, min(1.0, limit_s / 10), "guard"):
                yield
        finally:
            # The guard exits at the end of its input.
            stdin.close()


def watch(pid: int, limit_s: float, note: Path, who: str, node: str) -> None:
    """Kill process `pid` when it sends no heartbeat and uses no processor time for `limit_s`
    seconds. `who` and `node` describe it in the report, which is written to `note`."""
    last, used = time.monotonic(), _used(pid)
    while True:
        ready, _, _ = select.select([0], [], [], limit_s / 4)
        if ready and not os.read(0, 4096):
            return
        now, before, used = time.monotonic(), used, _used(pid)
        if ready or used != before:
            last = now
        waited = now - last
        if waited > limit_s:
            text = f"{who} did not run at all for {waited:.0f} s; "
            text += "it was killed so that training starts again"
            with suppress(OSError):
                note.write_text(f"{text}\n{node}\n")
            print(text, file=sys.stderr, flush=True)
            os.kill(pid, signal.SIGKILL)
            return


def _used(pid: int) -> str:
    """Return the processor time of a process so far; empty if it is not available."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return " ".join(fields[11:13])


if __name__ == "__main__":
    watch(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]), *sys.argv[4:])
