"""Checks of a search space: its syntax, and every combination that can be enumerated."""

import itertools
from collections import Counter
from typing import Any

from pydantic import ValidationError

from raytrain.config.errors import nearest, problems_of, unknown_name
from raytrain.config.space import (
    LISTS,
    RANGES,
    SHARES,
    Given,
    Point,
    cells,
    count_cells,
    covering,
    parts_of,
    resolve,
    with_values,
)
from raytrain.config.space_draws import RandomPoint, generator
from raytrain.config.trial import TrialSpec

LIMIT = 1000
"""Up to this number of combinations, all are tried. Above it, every value and this number of random
combinations are tried."""


def space_problems(space: dict[str, Any], base: TrialSpec) -> list[str]:
    """Return every problem of a search space, including values that cannot be combined."""
    problems: dict[str, list[str]] = {str(path): [] for path in space}
    for path, node in space.items():
        problems[str(path)] = _words(node, f"search.space.{path}")
    sound = {str(path): node for path, node in space.items() if not problems[str(path)]}
    for path, lines in _misfits(sound, base).items():
        problems[path] += lines
    return [line for lines in problems.values() for line in lines]


def combinations(space: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the combinations of values to try, each as path -> value: all combinations of listed
    values, or a random part of them if there are more than LIMIT. Each is returned three times,
    with all ranges at their low end, in between, and at their high end."""
    few = count_cells(space, LISTS) <= LIMIT
    points = [*covering(space), *(cells(space, LISTS) if few else _drawn(space))]
    return [resolve(space, Given(point, share)) for share in SHARES for point in points]


def _drawn(space: dict[str, Any]) -> list[Point]:
    rng = generator(0)
    choosers = [_Noted(rng) for _ in range(LIMIT)]
    for chooser in choosers:
        resolve(space, chooser)
    return [chooser.point for chooser in choosers]


class _Noted(RandomPoint):
    """Draws values at random, and records the ones that it drew from lists."""

    def __init__(self, rng: Any):
        super().__init__(rng, {})
        self.point: Point = {}

    def index(self, key: str, count: int) -> int:
        self.point[key] = super().index(key, count)
        return int(self.point[key])


def _words(node: Any, where: str) -> list[str]:
    """Return the problems of a node as a domain, and of the domains within it."""
    if not isinstance(node, dict) or len(node) != 1:
        return [f"{where}: write one of {', '.join(LISTS + RANGES)}, as {{choice: []}}"]
    kind, values = next(iter(node.items()))
    if kind not in LISTS + RANGES:
        return [f"{where}: {unknown_name(kind, LISTS + RANGES)}"]
    if not isinstance(values, list) or not values:
        return [f"{where}.{kind}: give a list (got {values!r})"]
    if kind in RANGES:
        what = {"integer": "whole numbers", "loguniform": "numbers above 0"}.get(kind, "numbers")
        wrong = f"{where}.{kind}: give [low, high], two {what} in rising order (got {values!r})"
        return [] if _is_range(kind, values) else [wrong]
    return [
        line
        for number, value in enumerate(values)
        for line in _inner(value, f"{where}.{kind}[{number}]")
    ]


def _inner(node: Any, where: str) -> list[str]:
    """Return the problems of the domains inside a listed value, including domains with misspelled
    names."""
    if isinstance(node, dict) and len(node) == 1:
        kind, values = next(iter(node.items()))
        close = nearest(kind, LISTS + RANGES)
        if close and (kind in LISTS + RANGES or isinstance(values, list)):
            return _words(node, where)
    if not isinstance(node, dict | list):
        return []
    return [line for _, at, part in parts_of(node, where) for line in _inner(part, at)]


def _is_range(kind: str, values: list[Any]) -> bool:
    numeric = len(values) == 2 and all(type(v) in (int, float) for v in values)
    whole = kind != "integer" or all(type(v) is int for v in values)
    return numeric and whole and values[0] < values[1] and (kind != "loguniform" or values[0] > 0)


def _misfits(space: dict[str, Any], base: TrialSpec) -> dict[str, list[str]]:
    """Return, for each domain, a line for each value with which no trial is valid, alone or
    together with a value of another domain."""
    tried: Counter[tuple[str, str]] = Counter()
    failed: Counter[tuple[str, str, str]] = Counter()
    beside: dict[tuple[str, str, str], str] = {}
    for values in combinations(space):
        tried.update((path, repr(value)) for path, value in values.items())
        try:
            with_values(base, values)
        except ValidationError as error:
            for line in dict.fromkeys(problems_of(error, TrialSpec, "trial.")):
                path = _culprit(line, list(space))
                found = path, repr(values[path]), line
                failed[found] += 1
                others = (f"{other}: {value}" for other, value in values.items() if other != path)
                beside.setdefault(found, ", ".join(others))
    lines: dict[str, list[str]] = {path: [] for path in space}
    for found, count in failed.items():
        path, value, line = found
        text = f"search.space.{path}: in {line}"
        if count < tried[path, value]:
            text += (
                f", together with {beside[found]}; write {path} inside the listed value that it "
                "needs"
            )
        lines[path].append(text)
    return {path: list(_first_of_each(found)) for path, found in lines.items()}


def _first_of_each(lines: list[str]) -> list[str]:
    """Keep one line per problem. Lines that differ only in the combined values are the same
    problem."""
    groups = itertools.groupby(lines, key=lambda line: line.split(", together with ")[0])
    return list({problem: next(group) for problem, group in groups}.values())


def _culprit(line: str, paths: list[str]) -> str:
    """Return the path of the domain that causes a problem of the trial."""
    at = line.removeprefix("trial.").split(": ")[0].replace("[", ".").split(".")
    return max(paths, key=lambda path: _shared(path.split("."), at))


def _shared(first: list[str], second: list[str]) -> int:
    pairs = itertools.zip_longest(first, second)
    return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))
