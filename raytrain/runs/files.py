"""Atomic files: written under a temporary name, flushed, then renamed."""

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from pydantic import ValidationError

from raytrain.config.base import Spec
from raytrain.config.codes import CodedError

S = TypeVar("S", bound=Spec)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`. When the block ends without an error, the file is
    renamed to `path`.

    Raises OSError that names `path`, even if the system names no file or the temporary one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path):
        # A long name leaves no room for additional letters.
        prefix = f".{path.name[:100]}."
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        with naming(path, temporary):
            yield temporary
            with temporary.open("rb+") as written:  # Windows flushes only files open for writing
                os.fsync(written.fileno())
            # mkstemp makes files private; results are shared like any other file.
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def naming(path: Path, *others: Path) -> Iterator[None]:
    """Set the file name of an OSError in the block to `path`, if it names no file or one of
    `others`."""
    try:
        yield
    except OSError as error:
        if error.filename is None or str(error.filename) in map(str, others):
            error.filename = str(path)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically: it has the new content or the earlier one, also after a kill."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON atomically. NaN is refused, because JSON has no NaN."""
    text = json.dumps(value, indent=1, allow_nan=False) + "\n"
    write_bytes(path, text.encode())


class DamagedError(CodedError):
    """A file of a run is incomplete, was edited, or has another version. The message names the file
    and the remedy."""

    def __init__(self, where: Path | str, reason: str, remedy: str):
        super().__init__("damaged", f"{where}: damaged, or of another version ({reason}); {remedy}")


def read_json(path: Path, remedy: str = "restore it from a copy") -> Any:
    """Return the value of a JSON file. Raises DamagedError with `remedy` if it is invalid."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DamagedError(path, str(error), remedy) from None


def read_spec(path: Path, spec: type[S], remedy: str) -> S:
    """Return the content of a JSON file as the type `spec`. Raises DamagedError with `remedy` when
    it does not have this type."""
    return as_spec(read_json(path, remedy), spec, path, remedy)


def read_spec_lines(path: Path, spec: type[S], remedy: str) -> list[S]:
    """Return each complete JSON line as the type `spec`. Raises DamagedError with `remedy` that
    names a damaged line."""
    found = read_json_lines(path, remedy)
    return [as_spec(tree, spec, f"{path}:{number}", remedy) for number, tree in found]


def read_json_lines(path: Path, remedy: str) -> list[tuple[int, Any]]:
    """Return number and value of each complete line. Raises DamagedError with `remedy` that names a
    damaged line."""
    found = []
    try:
        lines = read_lines(path)
    except UnicodeDecodeError as error:
        raise DamagedError(path, str(error), remedy) from None
    for number, line in enumerate(lines, 1):
        try:
            found.append((number, json.loads(line)))
        except ValueError as error:
            raise DamagedError(f"{path}:{number}", str(error), remedy) from None
    return found


def as_spec(tree: Any, spec: type[S], where: Path | str, remedy: str) -> S:
    """Return plain values, which were read from a file, as the type `spec`. Raises DamagedError
    with `where` and `remedy` when they do not have this type."""
    try:
        return spec.model_validate(tree)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or "the content"
        raise DamagedError(where, f"{key}: {first['msg']}", remedy) from None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def append_line(path: Path, line: str) -> None:
    """Append one line and flush it to disk. If a killed process left an incomplete line, this line
    is cut off first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path), path.open("ab+") as file:
        if file.seek(0, os.SEEK_END) and not _ends_a_line(file):
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[str]:
    """Return all complete lines. An incomplete last line is left out. Without a file, there are
    none."""
    if not path.is_file():
        return []
    return [line for line in path.read_text(encoding="utf-8").split("\n")[:-1] if line]


def _ends_a_line(file: BinaryIO) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


_PLACES = "`storage`, RAYTRAIN_CACHE or competition.submission.ledger"
_NOT_WRITABLE = f"make it writable, or name another place with {_PLACES}"
REMEDIES = {
    errno.ENOSPC: f"free some space there, or name another place with {_PLACES}",
    errno.EDQUOT: f"free some of the quota, or name another place with {_PLACES}",
    errno.EROFS: _NOT_WRITABLE,
    errno.EACCES: _NOT_WRITABLE,
    errno.EPERM: _NOT_WRITABLE,
    errno.ENOTDIR: f"there is a file where a folder is needed; move it, or change --out, {_PLACES}",
    errno.EEXIST: f"there is a file where a folder is needed; move it, or change --out, {_PLACES}",
    errno.EISDIR: "there is a folder where a file is needed; move it",
    errno.ENAMETOOLONG: "give a shorter name or path",
    errno.ENOENT: "it was removed, or its disk is not mounted; run the same command again",
    errno.EMFILE: "allow more open files (ulimit -n), or set fewer resources.loaders",
    errno.ENOMEM: "free memory, or lower resources.loaders and trial.batch_size",
}
_AWAY = "check that the storage answers, then run the same command again: it continues the work"


def storage_text(error: OSError) -> str:
    """Return the error as a sentence for the user: the place, the fault and the remedy."""
    where = f"{error.filename}: " if error.filename else ""
    what = error.strerror or str(error) or type(error).__name__
    return f"{where}{what}; {REMEDIES.get(error.errno or 0, _AWAY)}"
