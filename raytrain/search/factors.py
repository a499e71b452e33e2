"""What a search varies: the value of each factor in each trial, and how much the factor matters.

Shape suffixes: N trials, F factors, M sampled trials, S places of a grid.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from raytrain.config.job import JobSpec
from raytrain.config.space_points import value_at
from raytrain.config.study import choice_label
from raytrain.config.trial import TrialSpec

WITHOUT_JOB = ("model", "loss", "optimizer.lr")
"""Factors that are used when the job is not known."""
FEWEST = 10
"""Smallest number of scored trials for which importances are estimated."""
TREES = 64
SAMPLED = 48
"""Number of trials that represent all trials in the averages."""

Value = str | float


def factors(job: JobSpec | None, specs: Sequence[TrialSpec]) -> dict[str, list[Value]]:
    """Return, for each path of the search space whose value differs between these trials, its value
    in each trial: a number, or a short label."""
    paths = tuple(job.search.space) if job is not None else ()
    found = {path: [_value(spec, path) for spec in specs] for path in paths or WITHOUT_JOB}
    return {path: values for path, values in found.items() if len(set(values)) > 1}


def importances(values: dict[str, list[Value]], scores: Sequence[float]) -> dict[str, float]:
    """Return, for each factor, the share (0 .. 1) of the scores' variance that the factor explains
    alone, highest first; empty for fewer than `FEWEST` trials.

    As in functional ANOVA (Hutter et al. 2014), a random forest predicts the score. The other
    factors are averaged out over trials of the search. The remaining variance is divided by the
    variance of all predictions. If the shares sum to less than 1, the rest is due to interactions.
    """
    if len(scores) < FEWEST or not values or np.ptp(scores) == 0:
        return {}
    from sklearn.ensemble import RandomForestRegressor  # imported here, because it is slow

    encoded_NF = np.column_stack([_encoded(column) for column in values.values()])
    forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=0)
    forest.fit(encoded_NF, scores)
    total = float(np.var(forest.predict(encoded_NF)))
    if total == 0:
        return {}
    step = -(-len(scores) // SAMPLED)
    sample_MF = encoded_NF[np.random.default_rng(0).permutation(len(scores))[::step]]
    shares = {
        path: min(1.0, float(np.var(_marginal(forest, sample_MF, place))) / total)
        for place, path in enumerate(values)
    }
    return dict(sorted(shares.items(), key=lambda each: -each[1]))


def _value(spec: TrialSpec, path: str) -> Value:
    value = value_at(spec.model_dump(mode="json"), path)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return choice_label(spec, path)


def _encoded(column: list[Value]) -> np.ndarray:
    """Return numbers without changes. If there is a label, all values become the numbers 0, 1,
    ..."""
    if all(isinstance(value, int | float) for value in column):
        return np.asarray(column, dtype=np.float64)
    return np.asarray(pd.factorize(np.array(list(map(str, column)), dtype=object), sort=True)[0])


def _marginal(forest: Any, sample_MF: np.ndarray, place: int) -> np.ndarray:
    """Return mean_S: the mean prediction over the sample for each of the sample's values of one
    factor."""
    count = len(sample_MF)
    grid_SMF = np.repeat(sample_MF[None], count, axis=0)
    grid_SMF[:, :, place] = sample_MF[:, place][:, None]
    flat = forest.predict(grid_SMF.reshape(count * count, -1))
    return np.asarray(flat.reshape(count, count).mean(1))
