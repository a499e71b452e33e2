"""`.mirror.json` in each working folder: what this machine knows of its files in the storage.

For each file: its state here and its identity in the storage (such as the ETag) when both were last
equal. A symbolic link `final` is the file `final.link` there, which holds the target.
"""

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from raytrain.runs.files import write_bytes

NOTES = ".mirror.json"
LINK = ".link"
State = tuple[int, int]
"""Size of a file in bytes and time of its last change in ns; for a link, length and checksum of its
target."""
Known = dict[str, tuple[int, int, str]]
"""Name of a file -> the two numbers of its `State` on this machine, and its identity in the
storage, both from the moment when the two files were last equal."""


def known_in(folder: Path) -> Known:
    """Return the notes about a folder's files, as `Known`; empty if the notes are missing or
    damaged."""
    try:
        tree = json.loads((folder / NOTES).read_text())
    except (OSError, ValueError):
        return {}
    return {name: (size, time, identity) for name, (size, time, identity) in tree.items()}


@contextmanager
def changing(folder: Path) -> Iterator[Known]:
    """Yield the notes about a folder's files, which the block may change. They are written after
    the block. No other process changes them meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{NOTES}.lock"):
        known = known_in(folder)
        before = dict(known)
        yield known
        if known != before:
            write_bytes(folder / NOTES, json.dumps(known).encode())


def state_of(path: Path) -> State | None:
    """Return a file's size and time of change in ns (for a link, length and checksum of its
    target); None if there is no file."""
    try:
        if path.suffix == LINK:
            target = os.readlink(path.with_suffix(""))
            return len(target), zlib.crc32(target.encode())
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def content_of(path: Path) -> bytes:
    """Return the content that the storage gets for a file: its bytes, or a link's target."""
    return os.readlink(path.with_suffix("")).encode() if path.suffix == LINK else path.read_bytes()


def put_in_place(partial: Path, path: Path) -> State | None:
    """Move a fetched file to its place. If it holds the target of a link, make this link instead.

    Return the new state, or None if another process has removed the file since.
    """
    if path.suffix == LINK:
        link = partial.with_suffix(".made")
        link.unlink(missing_ok=True)
        link.symlink_to(partial.read_text())
        link.replace(path.with_suffix(""))
    else:
        partial.replace(path)
    return state_of(path)
