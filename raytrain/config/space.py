"""Search spaces, and how `search.space` becomes trial specs.

A space maps dotted paths under `trial` to domains: `{choice: [...]}`, `{grid: [...]}`, `{uniform:
[a, b]}`, `{loguniform: [a, b]}` or `{integer: [a, b]}`. A listed value may contain domains. They
exist only if that value is chosen. The key of a domain is its path: `optimizer`, or
`optimizer[0].momentum` within the first choice.
"""

import copy
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from raytrain.config.named import named_parts
from raytrain.config.trial import TrialSpec

RANGES, LISTS = ("uniform", "loguniform", "integer"), ("choice", "grid")
SHARES = (0.0, 0.382, 1.0)
"""Positions within a range at which the range is checked, from 0 (low end) to 1 (high end)."""
Number = int | float
Point = dict[str, Number]
"""Key of a domain -> index of the chosen value, or the drawn number. Domains of values that were
not chosen are left out."""

Join = Callable[[list[list[Point]]], Iterable[Point]]


class Chooser(Protocol):
    """Chooses the value of each domain (a list or range of values) of a search space."""

    def index(self, key: str, count: int) -> int:
        """Return the index of one of `count` listed values."""
        ...

    def number(self, key: str, kind: str, low: Number, high: Number) -> Number:
        """Return a number within the range; a whole one if `kind` is `integer`."""
        ...


def domain_of(node: Any) -> tuple[str, list[Any]] | None:
    """Return (kind, values) of a domain such as `{choice: [1, 2]}`; None for anything else."""
    if isinstance(node, dict) and len(node) == 1:
        kind, values = next(iter(node.items()))
        if kind in LISTS + RANGES and isinstance(values, list):
            return kind, values
    return None


def kinds_in(node: Any) -> set[str]:
    """Return the kinds, such as `choice`, of a domain and of all domains inside it."""
    domain = domain_of(node)
    inner = node if domain is None else domain[1]
    parts = parts_of(inner, "") if isinstance(inner, dict | list) else ()
    return set(domain[:1] if domain else ()).union(*(kinds_in(part) for *_, part in parts))


def resolve(space: dict[str, Any], chooser: Chooser) -> dict[str, Any]:
    """Return path -> value, in the order of `space`. Every domain (a list or range of values) is
    replaced by the value that `chooser` chooses."""
    return {path: _resolve(node, path, chooser) for path, node in space.items()}


def _resolve(node: Any, key: str, chooser: Chooser) -> Any:
    domain = domain_of(node)
    if domain is None:
        if isinstance(node, dict | list):
            found = {name: _resolve(part, at, chooser) for name, at, part in parts_of(node, key)}
            return found if isinstance(node, dict) else list(found.values())
        return node
    kind, values = domain
    if kind in RANGES:
        return chooser.number(key, kind, *values)
    number = chooser.index(key, len(values))
    return _resolve(values[number], f"{key}[{number}]", chooser)


def parts_of(node: dict[str, Any] | list[Any], key: str) -> Iterator[tuple[Any, str, Any]]:
    """Yield (name, key, value) for each item of a mapping or list. The name is the item's key or
    index, and its key is the dotted path `<key>.<name>`."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    yield from ((name, f"{key}.{name}", part) for name, part in items)


class Given:
    """Chooser that takes the values of a given point. From a list that is not in the point it takes
    the first value; from a range, the number at `share` of the way from low (0) to high (1)."""

    def __init__(self, point: Mapping[str, Number], share: float = 0.0):
        self._point, self._share = point, share

    def index(self, key: str, count: int) -> int:
        return int(self._point.get(key, 0))

    def number(self, key: str, kind: str, low: Number, high: Number) -> Number:
        return self._point.get(key, between(kind, low, high, self._share))


def between(kind: str, low: Number, high: Number, share: float) -> Number:
    """Return the number at `share` (0 .. 1) of the way from `low` to `high`."""
    if share in (0, 1):
        return high if share else low
    value = low + share * (high - low)
    return round(value) if kind == "integer" else value


def readable(value: float, low: Number, high: Number) -> float:
    """Return `value` rounded to three significant digits, and at least `low` and at most `high`.
    Three digits distinguish learning rates, and are short in names and records."""
    return min(max(float(f"{value:.3g}"), float(low)), float(high))


def cells(space: dict[str, Any], kinds: tuple[str, ...]) -> Iterator[Point]:
    """Yield, as points, every combination of the values in the lists of these kinds (`choice`,
    `grid`). The last list varies fastest."""
    yield from crossed([_points(node, path, kinds, crossed) for path, node in space.items()])


def _points(node: Any, key: str, kinds: tuple[str, ...], join: Join) -> list[Point]:
    """Return the points of the domains of these kinds in a node; `join` joins the points of its
    parts."""
    domain = domain_of(node)
    if domain is None:
        parts = parts_of(node, key) if isinstance(node, dict | list) else ()
        return list(join([_points(part, at, kinds, join) for _, at, part in parts]))
    kind, values = domain
    if kind not in kinds:
        return [{}]
    if kind in RANGES:
        low, high = values
        return [{key: between(kind, low, high, share)} for share in SHARES]
    return [
        {key: number, **point}
        for number, value in enumerate(values)
        for point in _points(value, f"{key}[{number}]", kinds, join)
    ]


def crossed(parts: list[list[Point]]) -> Iterator[Point]:
    """Yield every combination of one point from each of `parts`, merged into one point."""
    for chosen in itertools.product(*parts):
        yield {key: value for point in chosen for key, value in point.items()}


def count_cells(space: dict[str, Any], kinds: tuple[str, ...]) -> int:
    """Return the number of combinations of the values in the lists of these kinds."""
    return math.prod(len(_points(node, path, kinds, crossed)) for path, node in space.items())


def covering(space: dict[str, Any]) -> list[Point]:
    """Return a few points that together contain every listed value, and both ends and a middle of
    each range."""
    return _side_by_side(
        [_points(node, path, LISTS + RANGES, _side_by_side) for path, node in space.items()]
    )


def _side_by_side(parts: list[list[Point]]) -> list[Point]:
    longest = max((len(part) for part in parts), default=1)
    return [
        {key: value for part in parts for key, value in part[row % len(part)].items()}
        for row in range(longest)
    ]


def with_values(base: TrialSpec, values: dict[str, Any]) -> TrialSpec:
    """Return the base trial with each path set to its value. A mapping replaces a whole
    sub-spec."""
    tree = base.model_dump(mode="json")
    # A deep copy, so that the caller's mapping is never changed.
    for path in sorted(values, key=whole_first):
        set_path(tree, path, copy.deepcopy(values[path]), named_parts(TrialSpec))
    return TrialSpec.model_validate(tree)


def whole_first(path: str) -> tuple[int, bool]:
    """Return a sort key for dotted paths. It puts a whole before its parts, and `name` before the
    other keys, because setting a whole or a name later would discard values that were set
    before."""
    return path.count("."), not path.endswith(".name")


def set_path(tree: dict[str, Any], path: str, value: Any, named: frozenset[str]) -> None:
    """Set `a.b.c` in a nested dict, and create missing parts.

    `named` are the keys that hold a spec with a `name`. There, another name resets the whole part,
    and a bare word is the name.
    """
    *parents, last = path.split(".")
    for key in parents:
        tree[key] = inner = as_part(key, tree.get(key), named)
        tree = inner
    if last == "name" and parents and parents[-1] in named and tree.get("name") != value:
        tree.clear()
    tree[last] = value


def as_part(key: str, value: Any, named: frozenset[str]) -> dict[str, Any]:
    """Return the value of `key` as a mapping: a mapping itself, a text as `{name: text}` if `key`
    is in `named` (keys that hold a spec with a name), and {} for anything else."""
    if isinstance(value, dict):
        return value
    return {"name": value} if isinstance(value, str) and key in named else {}
