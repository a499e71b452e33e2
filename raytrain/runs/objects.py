"""Requests to a storage for files of runs: list, get, put, delete."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from raytrain.runs.known import LINK, content_of
from raytrain.runs.store import REFUSED, StoredPath

T = TypeVar("T")
LARGE_BYTES = 64 * 1024**2
"""Larger files are not read into memory to be sent."""
IDENTITIES = ("ETag", "etag", "md5Hash", "generation", "mtime", "LastModified", "created")
"""Keys of fsspec's file facts that identify a version of a file. The first one that a storage has
is used."""


def tree(place: StoredPath) -> dict[str, str]:
    """Return path relative to the folder -> identity, such as the ETag, of all files below the
    folder."""
    return _below(place, _identity)


def sizes(place: StoredPath) -> dict[str, int]:
    """Return path relative to the folder -> size in bytes of all files below the folder."""
    return _below(place, lambda facts: int(facts["size"]))


def _below(place: StoredPath, value: Callable[[dict[str, Any]], T]) -> dict[str, T]:
    def request(store: Any, key: str) -> dict[str, T]:
        found = store.find(key, detail=True)
        return {name[len(key) + 1 :]: value(facts) for name, facts in found.items()}

    return {name: each for name, each in place.ask(request).items() if name}


def level(place: StoredPath) -> dict[str, str]:
    """Return name -> identity, such as the ETag, of the files in a folder, without those in its
    folders."""

    def request(store: Any, key: str) -> dict[str, str]:
        try:
            found = store.ls(key, detail=True)
        except FileNotFoundError:
            return {}
        files = [each for each in found if each["type"] == "file"]
        return {each["name"][len(key) + 1 :]: _identity(each) for each in files}

    return {name: identity for name, identity in place.ask(request).items() if name}


def identity(place: StoredPath) -> str:
    """Return the identity of a file. Raises FileNotFoundError."""
    return place.ask(lambda store, key: _identity(store.info(key)))


def get(storage: str, wanted: dict[str, Path]) -> None:
    """Download files of a storage. `wanted` maps the path below the storage to the path on this
    machine."""

    def request(store: Any, root: str) -> None:
        keys = [f"{root}/{below}".lstrip("/") for below in wanted]
        store.get(keys, [str(path) for path in wanted.values()])

    StoredPath(storage, "").ask(request)


def put(path: Path, place: StoredPath) -> str:
    """Send one file to a storage; returns the identity of its version there."""

    def request(store: Any, key: str) -> str:
        if path.suffix != LINK and path.stat().st_size > LARGE_BYTES:
            store.put_file(str(path), key)
            return _identity(store.info(key))
        answer = store.pipe_file(key, content_of(path))
        # S3 answers with the identity; other storages are asked for it.
        return _identity(answer if isinstance(answer, dict) else store.info(key))

    return place.ask(request)


def create(place: StoredPath, content: bytes) -> None:
    """Write a file that must not exist yet; of several writers, one succeeds. Raises
    FileExistsError for the others. Each writer needs its own content, so that a writer recognizes
    its own file."""
    try:
        place.ask(lambda store, key: store.pipe_file(key, content, mode="create"))
    except OSError as error:
        if not isinstance(error, FileExistsError) and error.errno != REFUSED:
            raise
        # The first try may have succeeded although its answer was lost.
        if place.ask(lambda store, key: store.cat_file(key)) != content:
            why = "another process has already written this file"
            raise FileExistsError(errno.EEXIST, why, place.url) from None


def delete(places: list[StoredPath]) -> None:
    """Delete files of one storage. Files that do not exist are no error."""

    def request(store: Any, root: str) -> None:
        try:
            store.rm([f"{root}/{each.below}".lstrip("/") for each in places])
        except FileNotFoundError:
            return  # S3 does not mind

    if places:
        StoredPath(places[0].storage, "").ask(request)


def _identity(facts: dict[str, Any]) -> str:
    return next(str(facts[key]) for key in IDENTITIES if facts.get(key))
