"""Object storage of runs: the place of a path in it, and requests that wait while it does not
answer.

With `storage: s3://bucket/prefix`, every machine works in a folder of its own cache,
`$RAYTRAIN_CACHE/runs/<the URL, quoted>/<competition>/<run>`. The folder's name is the URL, so the
path of a file on this machine gives its path in the storage. Paths of any other folder have no
place in a storage, and the functions of `mirror.py` do nothing for them.
"""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_delay,
    wait_exponential,
)

from raytrain.runs.messages import warn

T = TypeVar("T")
AWAY_S = 600.0
"""Number of seconds for which a request is repeated while the storage does not answer."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 10.0
REFUSALS = (
    FileNotFoundError, FileExistsError, PermissionError, NotImplementedError, ValueError,
    TypeError, ImportError,
)  # fmt: skip
"""Errors with which a storage answers a request. They are not retried, because the same request
would fail again."""
REFUSED = errno.EINVAL
"""The errno of s3fs's error when the condition of a conditional write does not hold and the
server's answer does not say so."""
CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "TokenRetrieval")
"""Beginnings of the names of errors about missing credentials; each library has its own."""


def cache_root() -> Path:
    """Return `$RAYTRAIN_CACHE`, by default `~/.cache/raytrain`; it may be deleted at any time."""
    return Path(os.environ.get("RAYTRAIN_CACHE", "~/.cache/raytrain")).expanduser()


def _root() -> str:
    return os.path.join(os.path.realpath(cache_root()), "runs")


class NodePath(type(Path())):  # type: ignore[misc]  # Path itself has subclasses from Python 3.12 on
    """A path in this machine's cache. Another machine that receives it gets the same path in its
    own cache."""

    def __reduce__(self) -> tuple[Any, ...]:
        root = _root()
        if not self.is_relative_to(root):
            return Path, (str(self),)
        return _received, self.relative_to(root).parts


def _received(*parts: str) -> NodePath:
    return NodePath(_root(), *parts)


def working_folder(url: str) -> NodePath:
    """Return the folder on this machine that holds the working copies of a storage's runs."""
    return NodePath(_root(), quote(url.rstrip("/"), safe=""))


@dataclass(frozen=True)
class StoredPath:
    """The place of a file or folder in a storage."""

    storage: str
    """The URL of the storage."""
    below: str
    """The path below it, with slashes; empty for the storage itself."""

    @property
    def url(self) -> str:
        return f"{self.storage}/{self.below}".rstrip("/")

    def ask(self, request: Callable[[Any, str], T]) -> T:
        """Return what `request(files, path)` returns, with the fsspec file system and the path in
        it. While the storage does not answer, the request is repeated for up to ten minutes.

        Raises OSError that names the URL.
        """
        try:
            for attempt in Retrying(
                retry=retry_if_exception(_is_away),
                stop=stop_after_delay(AWAY_S),
                wait=wait_exponential(FIRST_WAIT_S, LONGEST_WAIT_S),
                before_sleep=self._say,
                reraise=True,
            ):
                with attempt:
                    return request(*self._files())
        except FileExistsError:
            raise
        except Exception as error:  # each storage's library raises its own errors
            number = error.errno if isinstance(error, OSError) else None
            kind = FileNotFoundError if isinstance(error, FileNotFoundError) else OSError
            raise kind(number, _reason(error), self.url) from error
        raise AssertionError

    def _files(self) -> tuple[Any, str]:
        import fsspec  # imported here, because most storages are folders

        files, path = fsspec.url_to_fs(self.url, use_listings_cache=False)
        return files, path

    def _say(self, state: RetryCallState) -> None:
        if state.attempt_number == 1 and state.outcome is not None:
            reason = _reason(state.outcome.exception())
            minutes = f"{AWAY_S / 60:g} minutes"
            warn(f"{self.storage} does not answer ({reason}); it is tried again for {minutes}")


def stored_path(path: Path) -> StoredPath | None:
    """Return the place of a path in a storage; None for a path in any other folder."""
    root, actual = _root(), Path(os.path.realpath(path.parent), path.name)
    if not actual.is_relative_to(root):
        return None
    quoted, *parts = actual.relative_to(root).parts or ("",)
    return StoredPath(unquote(quoted), "/".join(parts)) if quoted else None


def arrow_files(folder: Path) -> tuple[Any, str]:
    """Return a pyarrow file system for the storage of a folder, and the folder's path in it; None
    and the folder itself if it is in no storage."""
    place = stored_path(folder)
    if place is None:
        return None, str(folder)
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    files, path = place.ask(lambda files, path: (files, path))
    return PyFileSystem(FSSpecHandler(files)), path


def _is_away(error: BaseException) -> bool:
    if isinstance(error, REFUSALS) or type(error).__name__.startswith(CREDENTIALS):
        return False
    return isinstance(error, Exception) and getattr(error, "errno", None) != REFUSED


def _reason(error: BaseException | None) -> str:
    if isinstance(error, ImportError):
        return f"{error} (pip install 'raytrain[s3]' or 'raytrain[gcs]')"
    if type(error).__name__.startswith(CREDENTIALS):
        return f"{error} (set them in the environment, or give this machine a role)"
    if str(error).startswith("Protocol not known"):
        return f"{error} (`storage` is a folder, s3://... or gs://...)"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).strip() or type(error).__name__
