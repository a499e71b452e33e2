"""Draw distinct trial specs from a search space. The same seed gives the same specs."""

import math
from collections.abc import Mapping
from typing import Any

from raytrain.config.space import (
    LISTS,
    RANGES,
    Given,
    Number,
    cells,
    count_cells,
    kinds_in,
    readable,
    resolve,
    with_values,
)
from raytrain.config.trial import TrialSpec


def generator(seed: int) -> Any:
    """Return NumPy's random generator for a seed. NumPy is imported only here, so that light
    commands do not load it."""
    import numpy as np

    return np.random.default_rng(seed)


class RandomPoint:
    """Chooser that draws each value at random, except the listed values that a given point
    names."""

    def __init__(self, rng: Any, point: Mapping[str, Number]):
        self._rng, self._point = rng, point

    def index(self, key: str, count: int) -> int:
        return int(self._point[key]) if key in self._point else int(self._rng.integers(count))

    def number(self, key: str, kind: str, low: Number, high: Number) -> Number:
        if kind == "integer":
            return int(self._rng.integers(int(low), int(high) + 1))
        if kind == "uniform":
            return float(self._rng.uniform(low, high))
        return readable(math.exp(self._rng.uniform(math.log(low), math.log(high))), low, high)


def sample_trials(
    space: dict[str, Any], base: TrialSpec, trials: int, seed: int
) -> list[TrialSpec]:
    """Draw at most `trials` distinct specs. The same seed gives the same specs.

    The combinations of the grids are all drawn before one is repeated. The other domains are
    sampled independently. The list is shorter if the space holds fewer specs.
    """
    rng = generator(seed)
    grid = list(cells(space, ("grid",)))
    found: dict[str, TrialSpec] = {}
    for attempt in range(50 * trials):
        if len(found) == trials:
            break
        if attempt % len(grid) == 0:
            rng.shuffle(grid)
        spec = with_values(base, resolve(space, RandomPoint(rng, grid[attempt % len(grid)])))
        found.setdefault(spec.model_dump_json(), spec)
    return list(found.values())


def grid_trials(space: dict[str, Any], base: TrialSpec, trials: int, seed: int) -> list[TrialSpec]:
    """Return at most `trials` distinct specs, from all combinations of the listed values in an
    order that the seed determines."""
    points = list(cells(space, LISTS))
    generator(seed).shuffle(points)
    specs = (with_values(base, resolve(space, Given(point))) for point in points)
    distinct = {spec.model_dump_json(): spec for spec in specs}
    return list(distinct.values())[:trials]


def most_specs(space: dict[str, Any], trials: int) -> int:
    """Return the number of distinct specs that can be drawn from the space, at most `trials`."""
    if any(kinds_in(node) & set(RANGES) for node in space.values()):
        return trials
    return min(trials, count_cells(space, LISTS))
