"""The lease of a run in a storage: it keeps other machines from working on the run.

`.lease/<number>.json` says who holds it. The holder rewrites its object every few seconds. Whoever
finds an object that nobody rewrites for `LEASE_S` creates the next number, by a put that fails if
the object exists, so one of several wins. A holder that finds a higher number has lost the lease.
"""

import json
import os
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from raytrain.config.codes import CodedError
from raytrain.runs.files import write_bytes
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import warn
from raytrain.runs.objects import create, delete, level
from raytrain.runs.store import StoredPath

RENEW_S, LEASE_S, LOOK_S = 15.0, 60.0, 5.0
"""Seconds from one renewal to the next; seconds without a renewal after which another machine may
take the lease; seconds between two checks of another machine's lease."""


class Lease:
    """This process's lease of a run."""

    def __init__(self, run: RunDir, place: StoredPath, wait: Callable[[float], None] = time.sleep):
        """Take the lease; this process holds the lock of the working folder.

        Raises CodedError when another machine renews it.
        """
        self._folder = StoredPath(place.storage, f"{place.below}/.lease")
        self._run, self._wait, self._beats = run, wait, 0
        self._owner = _owner(run.path)
        self._number = self._taken()

    def renew(self) -> None:
        """Rewrite the lease's object, which shows that this process still works. Raises CodedError
        when another process has taken the lease."""
        if max(_numbers(level(self._folder)), default=-1) > self._number:
            raise self._refused("has taken over this run")
        self._beats += 1
        content = self._content()
        self._place(self._number).ask(lambda store, key: store.pipe_file(key, content))

    def release(self) -> None:
        """Give up the lease: delete its object in the storage."""
        delete([self._place(self._number)])

    def _taken(self) -> int:
        number, seen, waited_s = -1, "", 0.0
        while True:
            there = level(self._folder)
            last = max(_numbers(there), default=-1)
            if last == -1 or self._holder(last).get("owner") == self._owner or waited_s >= LEASE_S:
                self._create(last + 1)
                delete([self._place(each) for each in _numbers(there)])
                return last + 1
            if seen and (last, there[f"{last}.json"]) != (number, seen):
                raise self._refused("is working on this run")
            if not seen:
                warn(
                    f"{self._folder.url}: {self._who(last)} has worked on this run; this process "
                    f"takes the run over unless that one renews its lease within {LEASE_S:g} s"
                )
            number, seen = last, there[f"{last}.json"]
            self._wait(LOOK_S)
            waited_s += LOOK_S

    def _create(self, number: int) -> None:
        """Create the lease's object. Raises ValueError if the storage would let another process
        create it, too."""
        try:
            create(self._place(number), self._content())
        except FileExistsError:
            raise self._refused("is working on this run") from None
        with suppress(FileExistsError):
            create(self._place(number), b"a test")
            raise ValueError(
                f"{self._folder.storage}: this storage has no conditional writes (it replaced an "
                "existing object), so two processes could work on one run; set `storage` to "
                "another place"
            )

    def _content(self) -> bytes:
        facts = {"owner": self._owner, "host": socket.gethostname(), "process": os.getpid()}
        return json.dumps({**facts, "beats": self._beats}).encode()

    def _place(self, number: int) -> StoredPath:
        return StoredPath(self._folder.storage, f"{self._folder.below}/{number}.json")

    def _holder(self, number: int) -> dict[str, str]:
        try:
            content = self._place(number).ask(lambda store, key: store.cat_file(key))
        except FileNotFoundError:
            return {}
        found: dict[str, str] = json.loads(content)
        return found

    def _who(self, number: int) -> str:
        found = self._holder(number)
        return f"process {found.get('process', '?')} on {found.get('host', 'another machine')}"

    def _refused(self, what: str) -> CodedError:
        last = max(_numbers(level(self._folder)), default=0)
        text = f"{self._folder.url}: {self._who(last)} {what}; wait for it or stop it"
        return CodedError("locked", text)


def _owner(folder: Path) -> str:
    """Return the name of this working folder: its lock says that no other process works in it."""
    path = folder / ".owner"
    if not path.is_file():
        write_bytes(path, secrets.token_hex(8).encode())
    return path.read_text("utf-8")


def _numbers(names: dict[str, str]) -> list[int]:
    return [int(name.removesuffix(".json")) for name in names]
