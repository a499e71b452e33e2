"""A run's files on this machine and in the storage: `fetch`, `send`, `remove`.

Only what differs is transferred. A file that another machine has written since is fetched;
otherwise the file here counts. Names that begin with a dot, and Ray's own folders, stay on this
machine. Weights (`.pt`) are fetched only by name, when they are read. For paths outside the working
folder of a storage, these functions do nothing (`remove` deletes).
"""

import os
import shutil
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from raytrain.runs.known import LINK, NOTES, State, changing, known_in, put_in_place, state_of
from raytrain.runs.objects import delete, get, identity, level, put, tree
from raytrain.runs.store import StoredPath, stored_path

Identities = dict[Path, str]
"""Path on this machine -> identity of the file in the storage, such as its ETag."""
LAZY = ".pt"
NAMING = (".json", ".jsonl", ".csv")
"""Files that name others. They are sent after all others, in the order in which they were
written."""
AT_ONCE = 8
RAYS = ("ray", "tune")
_TURN = threading.Lock()
"""One thread sends or deletes at a time, so that none sends what another has deleted."""
TRIES = 3
"""Number of times that a folder is listed anew if another process deletes its files."""


def fetch(folder: Path) -> None:
    """Make the files below a folder equal to the storage's, except weights."""
    _fetch(folder, {LAZY})


def fetch_whole(folder: Path) -> None:
    """Make the files below a folder equal to the storage's, also the weights."""
    _fetch(folder, set())


def _fetch(folder: Path, left_out: set[str]) -> None:
    place = stored_path(folder)
    for left in reversed(range(TRIES)) if place else ():
        assert place is not None
        actual = _actual(folder)
        noted = [path.parent for path in actual.rglob(NOTES)]
        try:
            return _take(actual, tree(place), noted, left_out)
        except FileNotFoundError:  # deleted since it was listed
            if not left:
                raise


def fetch_files(folder: Path) -> None:
    """Make the files in a folder, without those in its folders, equal to the storage's."""
    place = stored_path(folder)
    if place is not None:
        _take(_actual(folder), level(place), [_actual(folder)], {LAZY})


def bring(path: Path) -> None:
    """Fetch one file, if the storage has another version of it."""
    place = stored_path(path)
    if place is not None:
        with suppress(FileNotFoundError):  # whoever reads the file says so
            receive({_actual(path): identity(place)})


def bring_missing(path: Path) -> None:
    """Fetch one file, unless there is one here."""
    if not path.is_file():
        bring(path)


def receive(sent: Identities) -> None:
    """Fetch the files that another machine has sent."""
    _download({path: name for path, name in sent.items() if not _is_current(path, name)})


def send(*paths: Path) -> Identities:
    """Send what has changed in these files and folders; returns what was sent."""
    placed = [_actual(path) for path in paths if stored_path(path) is not None]
    if not placed:
        return {}
    with _TURN:
        return _sent(placed)


def _sent(placed: list[Path]) -> Identities:
    changed = {each: state for path in placed for each, state in _changed(path)}
    order = sorted(changed, key=lambda path: (changed[path][1], path))
    contents = [path for path in order if path.suffix not in NAMING]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        sent = dict(zip(contents, threads.map(_put, contents), strict=True))
    _note(sent, changed)
    for path in order:
        if path.suffix in NAMING:
            _note(new := {path: _put(path)}, changed)
            sent |= new
    return sent


def free(folder: Path) -> None:
    """Delete the weights in a folder on this machine, if the storage has them."""
    if stored_path(folder) is None or not folder.is_dir():
        return
    with changing(folder) as known:
        for name, entry in [*known.items()]:
            if name.endswith(LAZY) and state_of(folder / name) == entry[:2]:
                (folder / name).unlink()
                del known[name]


def remove(*files: Path) -> None:
    """Delete files, here and in the storage."""
    with _TURN:
        for path in files:
            path.unlink(missing_ok=True)
        placed = {
            _actual(path): place for path in files if (place := stored_path(path)) is not None
        }
        for parent in {path.parent for path in placed if path.parent.is_dir()}:
            with changing(parent) as known:
                for path in placed:
                    if path.parent == parent:
                        known.pop(path.name, None)
        delete([*placed.values()])


def remove_folder(folder: Path) -> None:
    """Delete a folder with all that is below it, here and in the storage."""
    with _TURN:
        shutil.rmtree(folder, ignore_errors=True)
        _forget(folder)


def forget_folder(folder: Path) -> None:
    """Delete all that is below a folder in the storage alone."""
    with _TURN:
        _forget(folder)


def _forget(folder: Path) -> None:
    place = stored_path(folder)
    if place is not None:
        delete([StoredPath(place.storage, f"{place.below}/{name}") for name in tree(place)])


def _take(folder: Path, listing: dict[str, str], noted: list[Path], left_out: set[str]) -> None:
    """Download the listed files that differ here, except those with a suffix in `left_out`. In the
    folders `noted`, also delete files that the storage had and that are no longer listed, because
    another machine deleted them."""
    found = {folder / name: version for name, version in listing.items()}
    for parent in noted:
        lost = [name for name in known_in(parent) if parent / name not in found]
        with changing(parent) as known:
            for name in lost:
                if name in known and state_of(parent / name) in (known[name][:2], None):
                    (parent / name).unlink(missing_ok=True)
                    del known[name]
    _download(
        {
            path: version
            for path, version in found.items()
            if path.suffix not in left_out
            and not _stays_here(path.relative_to(folder))
            and not _is_current(path, version)
        }
    )


def _is_current(path: Path, version: str) -> bool:
    """Return whether this version of the file is here, or was and has been changed here since."""
    entry = known_in(path.parent).get(path.name)
    return entry is not None and entry[2] == version and state_of(path) is not None


def _download(wanted: Identities) -> None:
    """Download files beside their places, then put each in its place unless it has changed here in
    the meantime."""
    before = {path: state_of(path) for path in wanted}
    partial = {path: path.with_name(f".{path.name}.{os.getpid()}.fetched") for path in wanted}
    below: dict[str, dict[str, Path]] = defaultdict(dict)
    for path in wanted:
        path.parent.mkdir(parents=True, exist_ok=True)
        place = stored_path(path)
        assert place is not None
        below[place.storage][place.below] = partial[path]
    try:
        for storage, files in below.items():
            get(storage, files)
        for parent in {path.parent for path in wanted}:
            with changing(parent) as known:
                for path in wanted:
                    if path.parent == parent and state_of(path) == before[path]:
                        state = put_in_place(partial[path], path)
                        if state is not None:
                            known[path.name] = (*state, wanted[path])
    finally:
        for each in partial.values():
            each.unlink(missing_ok=True)


def _changed(path: Path) -> Iterator[tuple[Path, State]]:
    """Yield the files to send, with their states."""
    known = lru_cache(maxsize=1)(known_in)  # a walk goes folder by folder
    for each in _walk(path) if path.is_dir() else [path]:
        entry, state = known(each.parent).get(each.name), state_of(each)
        if state is not None and (entry is None or state != entry[:2]):
            yield each, state


def _walk(folder: Path) -> Iterator[Path]:
    place = stored_path(folder)
    if place is None or _stays_here(Path(place.below)):
        return
    for root, folders, names in os.walk(folder):
        here = folder.__class__(root)
        folders[:] = [name for name in folders if not _stays_here(Path(name))]
        yield from (here / f"{name}{LINK}" for name in folders if (here / name).is_symlink())
        yield from (here / name for name in names if not _stays_here(Path(name)))


def _stays_here(path: Path) -> bool:
    return any(part.startswith(".") or part in RAYS for part in path.parts)


def _put(path: Path) -> str:
    place = stored_path(path)
    assert place is not None
    return put(path, place)


def _note(sent: Identities, states: dict[Path, State]) -> None:
    for parent in {path.parent for path in sent}:
        with changing(parent) as known:
            for path, version in sent.items():
                if path.parent == parent:
                    known[path.name] = (*states[path], version)


def _actual(path: Path) -> Path:
    """Return the path with the links among its folders resolved."""
    return path.__class__(os.path.realpath(path.parent), path.name)
