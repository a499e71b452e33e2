"""Short names for requests. The same request has the same fingerprint on every machine.

`ids/<digest>.json` holds the ids of a set of images, stored once for all tasks that use them. Tasks
are sent to workers and into Ray Tune's state, so a task with many ids would take megabytes.
"""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from raytrain.runs.files import read_json, write_json
from raytrain.runs.mirror import bring_missing, send

LENGTH = 12


def fingerprint(*parts: Any) -> str:
    """Return twelve hex digits of the SHA-256 over the parts as canonical JSON.

    Raises TypeError for values without a stable form (objects, sets), instead of hashing their
    address.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


Ids = tuple[str, ...]
FEW = 100
"""Largest number of ids that are stored in the task itself instead of a file."""


@lru_cache(maxsize=32)
def ids_digest(train: Ids, val: Ids) -> str:
    """Return the digest that names the file of these ids."""
    return fingerprint(train, val)


def keep_ids(run: Path, train: Ids, val: Ids) -> str:
    """Write the ids of a training's images to the run's folder, unless their file exists; returns
    the digest that names the file."""
    digest = ids_digest(train, val)
    path = _path(run, digest)
    if not path.is_file():
        write_json(path, {"train": train, "val": val})
        send(path)
    return digest


@lru_cache(maxsize=32)
def read_ids(run: Path, digest: str) -> tuple[Ids, Ids]:
    """Return the training ids and the held-out ids. The file is read once per process."""
    remedy = "delete it and run the same command again: it writes the file again"
    bring_missing(_path(run, digest))
    tree = read_json(_path(run, digest), remedy)
    return tuple(tree["train"]), tuple(tree["val"])


def _path(run: Path, digest: str) -> Path:
    return run / "ids" / f"{digest}.json"
