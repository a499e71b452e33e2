"""Our own checkpoints: written whole or not at all, verified when read, last two and best kept.

`epoch_0007.pt` holds tensors and plain values only (loads with `weights_only=True`);
`epoch_0007.json` beside it is written after it and holds its SHA-256, so a file without a
matching sidecar was never finished.
"""

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from raytrain.runs.files import read_json, write_bytes, write_json
from raytrain.runs.history import best_row

KEEP_LAST = 2


def save_checkpoint(folder: Path, state: dict[str, Any], card: dict[str, Any]) -> None:
    """Write the checkpoint of epoch `state["epoch"]`, then drop what need not be kept.

    `card` describes the checkpoint to a reader without torch (config, classes, scaling, metrics).
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    path = folder / f"epoch_{state['epoch']:04d}.pt"
    write_bytes(path, content)
    digest = hashlib.sha256(content).hexdigest()
    write_json(path.with_suffix(".json"), {"sha256": digest, "epoch": state["epoch"], **card})
    _prune(folder, state)


def newest_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The state of the newest valid checkpoint, or None. Broken ones are passed over."""
    for path in sorted(folder.glob("epoch_*.pt"), reverse=True):
        try:
            return load_checkpoint(path)
        except ValueError:
            continue
    return None


def best_checkpoint(folder: Path) -> Path:
    """The checkpoint of the epoch with the highest validation score; the last one without any.

    Raises ValueError when there is no checkpoint.
    """
    state = newest_checkpoint(folder)
    if state is None:
        raise ValueError(f"{folder}: no valid checkpoint")
    best = best_row(state["history"])
    return folder / f"epoch_{best['epoch'] if best else state['epoch']:04d}.pt"


def last_checkpoint(folder: Path) -> Path:
    """The newest valid checkpoint's path. Raises ValueError when there is none."""
    state = newest_checkpoint(folder)
    if state is None:
        raise ValueError(f"{folder}: no valid checkpoint")
    return folder / f"epoch_{state['epoch']:04d}.pt"


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state in a checkpoint file. Raises ValueError when it is not whole."""
    try:
        content = path.read_bytes()
        expected = read_json(path.with_suffix(".json"))["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{path}: not a finished checkpoint ({error})") from None
    if hashlib.sha256(content).hexdigest() != expected:
        raise ValueError(f"{path}: damaged (its SHA-256 differs from the one beside it)")
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _prune(folder: Path, state: dict[str, Any]) -> None:
    epochs = sorted(int(path.stem.split("_")[1]) for path in folder.glob("epoch_*.pt"))
    best = best_row(state["history"])
    keep = {*epochs[-KEEP_LAST:], *([best["epoch"]] if best else [])}
    for epoch in epochs:
        if epoch not in keep:
            (folder / f"epoch_{epoch:04d}.json").unlink(missing_ok=True)
            (folder / f"epoch_{epoch:04d}.pt").unlink(missing_ok=True)
