"""Who is replaced at the end of a generation, by whose successor, and with which rates.

Jaderberg et al. 2017, with the quantiles and factors of Ray Tune's PopulationBasedTraining. All of
it follows from scores and seeds, so that a search that was killed decides as it would have.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from raytrain.config.changes import ChangeSpec
from raytrain.config.schedulers import PbtSpec
from raytrain.config.space import LISTS, Drawn, Number, domain_of, readable, resolve
from raytrain.config.space_points import value_at
from raytrain.config.trial import TrialSpec
from raytrain.runs.fingerprint import fingerprint

FACTORS = (0.8, 1.2)
REDRAWS = 30
"""So often other rates are drawn when a successor would be one that there is."""


def parents_of(scores: Mapping[str, float], spec: PbtSpec, seed: int) -> dict[str, str]:
    """Of each trial that is replaced the one that its successor comes from."""
    order = sorted(scores, key=lambda trial: (-scores[trial], trial))
    count = min(math.ceil(len(order) * spec.quantile), len(order) // 2)
    last = order[len(order) - count :]
    return {trial: str(_rng(seed, trial, scores[trial]).choice(order[:count])) for trial in last}


def successor(
    parent: TrialSpec,
    epoch: int,
    changing: Mapping[str, Any],
    resample: float,
    seed: tuple[int, str],
    taken: Sequence[TrialSpec],
) -> TrialSpec | None:
    """The parent's training with other numbers after `epoch`; None where all of them are taken.

    `changing`: paths and domains; `seed`: the search's, and the trial that is replaced.
    """
    tree = parent.at(epoch + 1).model_dump(mode="json")
    now = {path: value_at(tree, path) for path in changing}
    for redraw in range(REDRAWS):
        rng = _rng(*seed, epoch, redraw)
        values = {path: _moved(now[path], changing[path], resample, rng) for path in changing}
        change = ChangeSpec(after=epoch, values=values)
        found = parent.model_copy(update={"changes": (*parent.changes, change)})
        if values != now and found not in taken:
            return found
    return None


def _moved(now: Number, node: Any, resample: float, rng: np.random.Generator) -> Number:
    """Drawn anew, or perturbed within its domain."""
    domain = domain_of(node)
    assert domain is not None
    kind, values = domain
    if rng.random() < resample:
        return resolve({"": node}, Drawn(rng, {}))[""]
    if kind in LISTS:
        near = min(range(len(values)), key=lambda place: abs(values[place] - now))
        step = int(rng.choice((-1, 1)))
        return values[min(max(near + step, 0), len(values) - 1)]
    moved = now * float(rng.choice(FACTORS))
    return readable(moved, *values)


def _rng(*parts: object) -> np.random.Generator:
    return np.random.default_rng(int(fingerprint(*parts), 16))
