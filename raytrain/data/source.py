"""The location of a competition's files: a folder, a .zip, or any address that fsspec supports.

Anything other than a folder is copied once into this node's cache, completely or not at all.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
from filelock import FileLock

from raytrain.config.codes import CodedError
from raytrain.config.storage import is_url
from raytrain.data.archive import unpack
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.store import cache_root


def local_folder(address: str) -> Path:
    """Return the folder with the files of `address` on this node. The files are fetched or unpacked
    first if needed.

    Raises ValueError when nothing is at the address, or an archive's member would be written
    outside the folder.
    """
    if is_url(address):
        return _fetched(address)
    path = Path(absolute(address))
    if path.is_dir():
        return path
    if path.suffix.lower() == ".zip" and path.is_file():
        return _unpacked(path)
    what = "is neither a folder nor a .zip" if path.exists() else "no such folder"
    raise CodedError("data", f"{path}: {what} (competition.data)")


def absolute(address: str) -> str:
    """Return a URL unchanged, and a path as an absolute path, with `~` replaced."""
    return address if is_url(address) else str(Path(address).expanduser().absolute())


def _unpacked(archive: Path) -> Path:
    found = archive.stat()
    key = fingerprint(str(archive), found.st_size, found.st_mtime_ns)
    return _made_once(key, lambda folder: unpack(archive, folder))


def _fetched(address: str) -> Path:
    with _answering(address):
        files, path = fsspec.url_to_fs(address)
        listing = {
            name: [facts.get("size"), str(facts.get("ETag") or facts.get("mtime") or "")]
            for name, facts in files.find(path, detail=True).items()
        }
    if not listing:
        raise CodedError(
            "data", f"{address}: there is nothing at this address; correct it (competition.data)"
        )

    def fetch(folder: Path) -> None:
        if len(listing) == 1 and path.endswith(".zip"):
            archive = folder.with_suffix(".zip")
            try:
                with _answering(address):
                    files.get_file(path, str(archive))
                unpack(archive, folder)
            finally:
                archive.unlink(missing_ok=True)
        else:
            with _answering(address):
                files.get(path.rstrip("/") + "/", str(folder) + os.sep, recursive=True)

    return _made_once(fingerprint(address, listing), fetch)


@contextmanager
def _answering(address: str) -> Iterator[None]:
    """Turn the storage's errors in the block into ValueError."""
    try:
        yield
    except Exception as error:  # each of fsspec's storages raises its own errors
        reason = str(error).strip() or type(error).__name__
        raise ValueError(
            f"{address}: {reason} (competition.data); check that the storage answers, then run the "
            "same command again"
        ) from None


def _made_once(key: str, make: Callable[[Path], None]) -> Path:
    folder = cache_root() / "sources" / key
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not folder.is_dir():
            temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{key}."))
            try:
                make(temporary)
                temporary.rename(folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    return folder
