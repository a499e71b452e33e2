"""A trial in the form that experiment trackers take: flat hyperparameters, and one number per
name."""

import json
from typing import Any

from raytrain.runs.history import Row
from raytrain.runs.record import Task

Plain = str | int | float | bool

BESIDE = ("epoch", "time", "seconds_left", "notes", "device", "hold")
"""Keys of a row of the history that are not figures of the training."""


def parameters(task: Task) -> dict[str, Plain]:
    """Return the settings that determine the results, by dotted path, such as `optimizer.lr`; lists
    as JSON."""
    found: dict[str, Plain] = {}
    _flatten("", task.spec.model_dump(mode="json"), found)
    return {"station": task.station, "fold": task.fold, "workers": task.workers, **found}


def figures(row: Row) -> dict[str, float]:
    """Return every figure of an epoch; `val_dice_per_class` becomes `val_dice_class/1`, ...,
    and `val_measures` becomes `val/accuracy`, ..."""
    found: dict[str, float] = {}
    for key, value in row.items():
        if key == "val_dice_per_class":
            numbered = enumerate(value, 1)
            found |= {f"val_dice_class/{n}": one for n, one in numbered if one is not None}
        elif key == "val_measures":
            found |= {f"val/{name}": score for name, score in value.items()}
        elif key not in BESIDE:
            found[key] = value
    return found


def _flatten(path: str, value: Any, found: dict[str, Plain]) -> None:
    if isinstance(value, dict):
        for key, part in value.items():
            _flatten(f"{path}.{key}" if path else key, part, found)
    elif isinstance(value, list):
        found[path] = json.dumps(value)
    elif value is not None:
        found[path] = value
