"""Flatten a nested tree to dotted paths."""

from typing import Any


def flat(tree: Any) -> dict[str, Any]:
    """Return dotted path -> value for each value in a nested tree of dicts and lists. Paths read as
    `model.name` and `loss[0].weight`."""
    found: dict[str, Any] = {}

    def walk(path: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{path}.{key}" if path else key, inner)
        elif isinstance(value, list):
            for place, inner in enumerate(value):
                walk(f"{path}[{place}]", inner)
        else:
            found[path] = value

    walk("", tree)
    return found
