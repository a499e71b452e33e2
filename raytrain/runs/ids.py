"""`ids/<digest>.json`: the images of a part of the data, kept once for all tasks on them.

Tasks travel to workers and into Ray Tune's state; their ids would be megabytes for each of them.
"""

from functools import lru_cache
from pathlib import Path

from raytrain.runs.files import read_json, write_json
from raytrain.runs.fingerprint import fingerprint

Ids = tuple[str, ...]
FEW = 100
"""Ids up to which a reference is not worth a file."""


@lru_cache(maxsize=32)
def ids_digest(train: Ids, val: Ids) -> str:
    """Names the file of these ids."""
    return fingerprint(train, val)


def keep_ids(run: Path, train: Ids, val: Ids) -> str:
    """Write the file of these ids unless it is there; returns its digest."""
    digest = ids_digest(train, val)
    path = _path(run, digest)
    if not path.is_file():
        write_json(path, {"train": train, "val": val})
    return digest


@lru_cache(maxsize=32)
def read_ids(run: Path, digest: str) -> tuple[Ids, Ids]:
    """The ids to train on and those held out; read once a process."""
    remedy = "delete it and run the same command again: it writes the file again"
    tree = read_json(_path(run, digest), remedy)
    return tuple(tree["train"]), tuple(tree["val"])


def _path(run: Path, digest: str) -> Path:
    return run / "ids" / f"{digest}.json"
