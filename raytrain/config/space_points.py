"""Find the points of a search space that give a spec."""

from collections.abc import Iterator
from typing import Any

from raytrain.config.space import (
    RANGES,
    Given,
    Point,
    crossed,
    domain_of,
    parts_of,
    resolve,
    with_values,
)
from raytrain.config.trial import TrialSpec


def points_of(space: dict[str, Any], spec: TrialSpec) -> Iterator[Point]:
    """Yield the points of the space (the choice in each domain) that give this spec's values; none
    if the spec lies outside the space.

    Fields that the space does not vary may differ: a longer training is at the same point.
    """
    tree = spec.model_dump(mode="json")
    options = [list(_matches(node, path, value_at(tree, path))) for path, node in space.items()]
    for point in crossed(options):
        try:
            found = with_values(spec, resolve(space, Given(point))).model_dump(mode="json")
        except ValueError:
            continue
        if all(value_at(found, path) == value_at(tree, path) for path in space):
            yield point


def _matches(node: Any, key: str, value: Any) -> Iterator[Point]:
    domain = domain_of(node)
    if domain is not None and domain[0] in RANGES:
        low, high = domain[1]
        if type(value) in (int, float) and low <= value <= high:
            yield {key: value}
    elif domain is not None:
        for number, listed in enumerate(domain[1]):
            for point in _matches(listed, f"{key}[{number}]", value):
                yield {key: number, **point}
    elif isinstance(node, dict | list) and isinstance(value, type(node)):
        parts = list(parts_of(node, key))
        if isinstance(value, list) and len(value) != len(parts):
            return
        if isinstance(value, dict) and not value.keys() >= {name for name, _, _ in parts}:
            return
        yield from crossed([list(_matches(part, at, value[name])) for name, at, part in parts])
    elif node == value or isinstance(node, dict | list | str):
        # A short form is compared by its expanded value.
        yield {}


def value_at(tree: Any, path: str) -> Any:
    """Return the value at a dotted path in nested dicts, or None if there is none."""
    for name in path.split("."):
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree
