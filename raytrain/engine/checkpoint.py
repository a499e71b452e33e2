"""raytrain's checkpoints, which are written atomically and verified when they are read.

`epoch_0007.pt` holds everything from which training resumes; `last.pt` and similar files hold the
shipped weights. They contain only tensors and plain values (they load with `weights_only=True`).
Each has a `.json` of the same name, which describes it and holds its SHA-256. The `.json` is
written after the checkpoint, so a checkpoint without a matching `.json` is unfinished.
"""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from raytrain.engine.parallel import World
from raytrain.models.tensors import load_tensors
from raytrain.runs.files import DamagedError, read_json, write_bytes, write_json
from raytrain.runs.mirror import bring, bring_missing, remove
from raytrain.runs.store import stored_path

CARD_REMEDY = "run the same command again, which trains it again, or take another checkpoint"


def delete_checkpoints(folder: Path, kept: set[int]) -> None:
    """Delete the checkpoints of all epochs outside `kept`."""
    paths = (*folder.glob("epoch_*.json"), *folder.glob("epoch_*.pt"))
    remove(*(path for path in paths if int(path.stem.split("_")[1]) not in kept))


def save_weights(path: Path, state: dict[str, Any], card: dict[str, Any]) -> None:
    """Write `state` to the checkpoint file `path`, and its description `card` (config, classes,
    scaling, metrics) to the `.json` of the same name, which is readable without torch."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    write_bytes(path, content)
    digest = hashlib.sha256(content).hexdigest()
    write_json(path.with_suffix(".json"), {"sha256": digest, "epoch": state["epoch"], **card})


def epoch_path(folder: Path, epoch: int) -> Path:
    """Return the path in `folder` of the checkpoint of an epoch."""
    return folder / f"epoch_{epoch:04d}.pt"


def newest_checkpoint(folder: Path, notes: list[str] | None = None) -> dict[str, Any] | None:
    """Return the state of the newest valid checkpoint, or None.

    Damaged checkpoints are skipped, and each adds a text to `notes`. A checkpoint without its
    `.json` is unfinished, and is skipped without a text.
    """
    for card in sorted(folder.glob("epoch_*.json"), reverse=True):
        try:
            return load_checkpoint(card.with_suffix(".pt"))
        except ValueError as error:
            if notes is not None:
                notes.append(f"checkpoint skipped: {error}")
    return None


def common_checkpoint(folder: Path, world: World, notes: list[str]) -> dict[str, Any] | None:
    """Return the state of the newest valid checkpoint that all workers have, or None.

    A worker may have a later one on its node that was not sent to the storage before a kill.
    Damaged checkpoints are skipped as in `newest_checkpoint`.
    """
    state = newest_checkpoint(folder, notes)
    newest = state["epoch"] if state else 0
    common: int = min(world.gather(newest))
    if common == newest:
        return state
    return load_checkpoint(epoch_path(folder, common)) if common else None


def is_there(path: Path) -> bool:
    """Return whether a checkpoint is on this machine or, as its `.json` shows, in the storage."""
    return path.is_file() or (stored_path(path) is not None and path.with_suffix(".json").is_file())


@contextmanager
def writing(path: Path, epoch: int) -> Iterator[None]:
    """Replace an OSError in the block by one that names the epoch that could not be written and
    says how to continue."""
    try:
        yield
    except OSError as error:
        raise OSError(
            f"{path}: epoch {epoch} could not be written ({error.strerror or error}); earlier "
            "checkpoints are complete: free disk space or repair the storage, then run the same "
            "command again to continue from them"
        ) from error


def load_digest(path: Path) -> str | None:
    """Return the SHA-256 in a checkpoint's `.json`, or None if there is no `.json`."""
    card = path.with_suffix(".json")
    return read_json(card, CARD_REMEDY).get("sha256") if card.is_file() else None


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Return the state in a checkpoint file. Raises DamagedError when the file or its `.json` is
    missing or damaged."""
    try:
        bring_missing(path.with_suffix(".json"))
        expected = read_json(path.with_suffix(".json"), CARD_REMEDY)["sha256"]
        bring_missing(path)
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != expected:
            bring(path)  # the storage may have another version
            content = path.read_bytes()
    except (OSError, ValueError, KeyError) as error:
        reason = "its .json is missing" if isinstance(error, OSError) else str(error)
        raise DamagedError(path, f"not a finished checkpoint: {reason}", CARD_REMEDY) from None
    if hashlib.sha256(content).hexdigest() != expected:
        reason = "its SHA-256 differs from the one in its .json"
        raise DamagedError(path, reason, CARD_REMEDY)
    return load_tensors(path, content)
