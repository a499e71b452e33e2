"""Search spaces: from `search.space` to a list of distinct trial specs, all of them checked."""

import copy
import itertools
import math
from typing import Any

import numpy as np
from pydantic import ValidationError

from raytrain.config.errors import problems_of, unknown_name
from raytrain.config.trial import TrialSpec

RANGES = ("uniform", "loguniform", "integer")
LISTS = ("choice", "grid")
NAMED_PARTS = (
    "model",
    "optimizer",
    "schedule",
    "ship",
    "mix",
    "framing",
    "scheduler",
    "format",
    "splits",
    "group",
    "labels",
)
"""Keys whose `name` decides which parameters stand beside it."""


def space_problems(space: dict[str, Any], base: TrialSpec) -> list[str]:
    """Everything wrong with the space: its words, and each listed value tried on the base trial."""
    problems = []
    for path, domain in space.items():
        path = str(path)
        where = f"search.space.{path}"
        if not isinstance(domain, dict) or len(domain) != 1:
            problems.append(f"{where}: write one of {', '.join(LISTS + RANGES)}, as {{choice: []}}")
            continue
        kind, values = next(iter(domain.items()))
        if kind not in LISTS + RANGES:
            problems.append(f"{where}: {unknown_name(kind, LISTS + RANGES)}")
        elif not isinstance(values, list) or not values:
            problems.append(f"{where}.{kind}: give a list (got {values!r})")
        elif kind in RANGES and not _is_range(kind, values):
            problems.append(f"{where}.{kind}: give two rising numbers (got {values!r})")
        else:
            if kind in RANGES:
                values = [*values, _draw(domain, np.random.default_rng(0))]
            for value in values:
                problems += _value_problems(base, path, value, where)
    return list(dict.fromkeys(problems))


def sample_trials(
    space: dict[str, Any], base: TrialSpec, trials: int, seed: int
) -> list[TrialSpec]:
    """At most `trials` distinct specs, the same ones for the same seed.

    Grids are crossed and each of their cells is drawn before one is repeated; the other domains
    are sampled independently. Fewer come back when the space holds no more.
    """
    rng = np.random.default_rng(seed)
    grids = [[(path, value) for value in d["grid"]] for path, d in space.items() if "grid" in d]
    cells = list(itertools.product(*grids))
    found: dict[str, TrialSpec] = {}
    for attempt in range(50 * trials):
        if len(found) == trials:
            break
        if attempt % len(cells) == 0:
            rng.shuffle(cells)
        values = dict(cells[attempt % len(cells)])
        for path, domain in space.items():
            if "grid" not in domain:
                values[path] = _draw(domain, rng)
        spec = with_values(base, values)
        found.setdefault(spec.model_dump_json(), spec)
    return list(found.values())


def with_values(base: TrialSpec, values: dict[str, Any]) -> TrialSpec:
    """The base trial with each dotted path set to its value (a mapping replaces a sub-spec)."""
    tree = base.model_dump(mode="json")
    # The whole before its parts, its name before the rest, and never the caller's own mapping.
    for path in sorted(values, key=lambda path: (path.count("."), not path.endswith(".name"))):
        set_path(tree, path, copy.deepcopy(values[path]))
    return TrialSpec.model_validate(tree)


def set_path(tree: dict[str, Any], path: str, value: Any) -> None:
    """Set `a.b.c` in a nested dict, making what is missing on the way.

    Another `name` starts its part afresh: the old one's parameters are not its own.
    """
    *parents, last = path.split(".")
    for key in parents:
        inner = tree.get(key)
        if not isinstance(inner, dict):
            inner = tree[key] = {}
        tree = inner
    if last == "name" and parents and parents[-1] in NAMED_PARTS and tree.get("name") != value:
        tree.clear()
    tree[last] = value


def _draw(domain: dict[str, list[Any]], rng: np.random.Generator) -> Any:
    kind, values = next(iter(domain.items()))
    if kind == "choice":
        return values[int(rng.integers(len(values)))]
    low, high = values
    if kind == "integer":
        return int(rng.integers(low, high + 1))
    if kind == "uniform":
        return float(rng.uniform(low, high))
    # Three digits are enough to tell rates apart and keep names and records readable.
    drawn = float(f"{math.exp(rng.uniform(math.log(low), math.log(high))):.3g}")
    return min(max(drawn, float(low)), float(high))


def _is_range(kind: str, values: list[Any]) -> bool:
    numeric = len(values) == 2 and all(type(v) in (int, float) for v in values)
    whole = kind != "integer" or all(type(v) is int for v in values)
    return numeric and whole and values[0] < values[1] and (kind != "loguniform" or values[0] > 0)


def _value_problems(base: TrialSpec, path: str, value: Any, where: str) -> list[str]:
    try:
        with_values(base, {path: value})
    except ValidationError as error:
        return [f"{where}: in {line}" for line in problems_of(error, TrialSpec, "trial.")]
    return []
