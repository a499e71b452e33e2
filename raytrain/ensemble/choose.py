"""Choose the ensemble by out-of-fold evidence: views of each candidate, weights, and steps.

Everything is chosen once without each fold and once on all images. The scores are nested: each
image is predicted by what was chosen without its fold. The simpler way wins unless a richer one
scores higher in the nested estimate and in at least 80 % of paired draws of groups.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from raytrain.config.predict import VIEW_COUNTS, ViewGroup
from raytrain.config.steps import EXCLUSIVE, InsideStep, PerClassStep
from raytrain.ensemble.fit_steps import Curves, fitted, with_step
from raytrain.ensemble.greedy import best_mean, greedy, single
from raytrain.ensemble.plan import Plan, gain, group_scores, nested_evidence, plan_of, whole_score
from raytrain.ensemble.pool import Pool, Setting, Views
from raytrain.runs.ensemble import Comparison

What = Literal["views", "ensemble", "step"]
Trial = tuple[str, Plan, Curves]
"""A name, the plan, and the curves of a step."""


@dataclass(frozen=True)
class Wish:
    """What is tried, and the names to show."""

    most: int
    """Most members of the ensemble."""
    views: tuple[tuple[ViewGroup, ...], ...]
    """Groups of views to try for each candidate."""
    steps: tuple[type[PerClassStep] | InsideStep, ...]
    """Steps to try, in their order."""
    networks: tuple[int, ...]
    """Number of networks of each candidate that predict a new image."""
    names: tuple[str, ...]
    """Names of the candidates."""
    classes: tuple[str, ...]
    """Names of the classes; the first is the background."""


def choose(pool: Pool, wish: Wish) -> tuple[Plan, list[Comparison]]:
    """Return the chosen plan, and everything that was compared, in order.

    With a single fold there is nothing to choose by, so the first candidate is taken as it is.
    """
    count = len(pool.candidates)
    plain: Views = ((),) * count
    if pool.folds < 2:
        return plan_of([Setting((1,) + (0,) * (count - 1), plain)] * 2), []
    comparisons: list[Comparison] = []
    views = _views(pool, wish, comparisons)
    plan = plan_of(single(pool, views))
    comparisons.append(_row(pool, wish, "ensemble", ("best single", plan, {})))
    most = min(wish.most, count)
    ways = {"equal mean": best_mean, "greedy": greedy} if most > 1 else {}
    for name, way in ways.items():
        trial: Trial = (name, plan_of(way(pool, views, most)), {})
        plan = _better(pool, wish, "ensemble", trial, plan, comparisons)
    for step in wish.steps:
        present = {each.name for each in plan.chosen.steps}
        if step_name(step) in EXCLUSIVE and present & set(EXCLUSIVE):
            continue
        if isinstance(step, InsideStep):
            inner, outer = wish.classes[step.inner], wish.classes[step.outer]
            trial = (f"{inner} inside {outer}", with_step(plan, step), {})
        else:
            trial = (step_name(step), *fitted(pool, plan, step, wish.classes))
        plan = _better(pool, wish, "step", trial, plan, comparisons)
    return plan, comparisons


def step_name(step: type[PerClassStep] | InsideStep) -> str:
    """Return the name of a step to try."""
    return step.name if isinstance(step, InsideStep) else step.model_fields["name"].default


def _views(pool: Pool, wish: Wish, comparisons: list[Comparison]) -> Views:
    """Return the groups of views that each candidate keeps."""
    kept: list[tuple[ViewGroup, ...]] = []
    for place, (name, groups) in enumerate(zip(wish.names, wish.views, strict=True)):
        weights = tuple(int(at == place) for at in range(len(wish.names)))
        own: tuple[ViewGroup, ...] = ()
        plan = _fixed(pool, weights, place, own)
        for group in groups:
            trial: Trial = (f"{name}: {group}", _fixed(pool, weights, place, (*own, group)), {})
            better = _better(pool, wish, "views", trial, plan, comparisons)
            if better is not plan:
                plan, own = better, (*own, group)
        kept.append(own)
    return tuple(kept)


def _fixed(pool: Pool, weights: tuple[int, ...], place: int, own: tuple[ViewGroup, ...]) -> Plan:
    """Return the plan in which one candidate predicts every image with these views."""
    views = tuple(own if at == place else () for at in range(len(weights)))
    return plan_of([Setting(weights, views)] * (pool.folds + 1))


def _better(
    pool: Pool, wish: Wish, what: What, trial: Trial, plan: Plan, comparisons: list[Comparison]
) -> Plan:
    """Compare a trial with a plan, append the row, and return the one to keep."""
    ours, theirs = (nested_evidence(pool, each) for each in (trial[1], plan))
    found = gain(pool.metric, ours, theirs, pool.labeled.groups_N)
    update = {
        "gain": found.mean, "gain_low": found.low, "gain_high": found.high, "wins": found.wins,
        "kept": found.is_kept,
    }  # fmt: skip
    comparisons.append(_row(pool, wish, what, trial).model_copy(update=update))
    return trial[1] if found.is_kept else plan


def _row(pool: Pool, wish: Wish, what: What, trial: Trial) -> Comparison:
    name, plan, curves = trial
    evidence = nested_evidence(pool, plan)
    draws_D = group_scores(pool.metric, evidence, pool.labeled.groups_N)
    low, high = np.percentile(draws_D, [2.5, 97.5])
    return Comparison(
        what=what,
        name=name,
        score=whole_score(pool.metric, evidence),
        low=float(low),
        high=float(high),
        passes=passes(plan.chosen.weights, plan.chosen.views, wish.networks),
        kept=True,
        curves=curves,
    )


def passes(weights: tuple[int, ...], views: Views, networks: tuple[int, ...]) -> int:
    """Return the number of network passes for each new image."""
    return sum(
        count * (1 + sum(VIEW_COUNTS[group] for group in groups))
        for weight, groups, count in zip(weights, views, networks, strict=True)
        if weight
    )
