"""A network cable between this machine and a network namespace, which delays and loses frames.

Needs the right to make network devices, as root in a virtual machine has.
"""

import fcntl
import os
import queue
import random
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SPACE, HERE, THERE = "raytrain_far", "raytrain_near", "raytrain_end"
"""The namespace, and the device at either end of the cable."""
HERE_IP, THERE_IP = "10.231.0.1", "10.231.0.2"
FRAME_BYTES = 65_536
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000


class Cable:
    """Carries frames between two TAP devices."""

    def __init__(self, *ends: int) -> None:
        self.delay_s = 0.0
        """Time that each frame takes, in either direction."""
        self.lost = 0.0
        """Share of the frames that are lost."""
        self.frames = 0
        """Number of frames that were read."""
        self._random = random.Random(0)
        for source, target in (ends, ends[::-1]):
            waiting: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
            threading.Thread(target=self._read, args=(source, waiting), daemon=True).start()
            threading.Thread(target=_write, args=(target, waiting), daemon=True).start()

    def _read(self, source: int, waiting: "queue.SimpleQueue[tuple[float, bytes]]") -> None:
        while True:
            try:
                frame = os.read(source, FRAME_BYTES)
            except OSError:  # the device is gone
                return
            self.frames += 1
            if self._random.random() >= self.lost:
                waiting.put((time.monotonic() + self.delay_s, frame))


def _write(target: int, waiting: "queue.SimpleQueue[tuple[float, bytes]]") -> None:
    while True:
        due, frame = waiting.get()
        threading.Event().wait(max(0.0, due - time.monotonic()))
        try:
            os.write(target, frame)
        except OSError:
            return


def _tap(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return device


@contextmanager
def cable() -> Iterator[Cable]:
    """A cable from HERE_IP to THERE_IP, the only address that the namespace can reach."""
    _ip("netns", "add", SPACE)
    ends = _tap(HERE), _tap(THERE)
    try:
        _ip("link", "set", THERE, "netns", SPACE)
        _ip("addr", "add", f"{HERE_IP}/24", "dev", HERE)
        _ip("link", "set", HERE, "up")
        inside = "netns", "exec", SPACE, "ip"
        _ip(*inside, "addr", "add", f"{THERE_IP}/24", "dev", THERE)
        _ip(*inside, "link", "set", THERE, "up")
        _ip(*inside, "link", "set", "lo", "up")
        yield Cable(*ends)
    finally:
        _ip("netns", "del", SPACE)
        for end in ends:  # which also takes the devices away
            os.close(end)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
