"""Fit the values of a step between the mean map and the mask, class by class, on the images of each
fit."""

from typing import cast

import numpy as np

from raytrain.config.steps import EXCLUSIVE, InsideStep, PerClassStep, StepBase, StepSpec, in_order
from raytrain.ensemble.nested import Plan, plan_of
from raytrain.ensemble.pool import Pool
from raytrain.metrics.draws import drawn_scores
from raytrain.runs.ensemble import Choice

Curves = dict[str, list[tuple[float, float]]]
"""For each class, the score at each value of a step, on all images."""


def with_step(plan: Plan, step: InsideStep) -> Plan:
    """Return the plan with a step that has no values to fit."""
    return plan.changed(lambda choice: _added(choice, step))


def fitted(
    pool: Pool, plan: Plan, kind: type[PerClassStep], classes: tuple[str, ...]
) -> tuple[Plan, Curves]:
    """Return the plan with one more step, and the curves of its values.

    Each fit tries every value for one class while the step is off for the others, and takes the
    best value of each class. Of equally good values, it takes the one closest to off. A step that
    excludes a step of the plan replaces that step only where it scores higher. Its value "off" then
    means the plan without a change.
    """
    off, numbers = kind.off(pool.classes), range(1, pool.classes)
    # One pass over the images for everything that is looked up below.
    pool.evidence(
        tried
        for choice in (*plan.nested, plan.chosen)
        for number in numbers
        for tried in _tried(choice, off, number)
    )
    choices, curves = [], {}
    for choice, fit_N in zip((*plan.nested, plan.chosen), pool.fits_FN, strict=True):
        step = off
        for number in numbers:
            pairs = _scored(pool, _tried(choice, off, number), kind.grid, fit_N)
            best = max(pairs, key=lambda pair: (pair[1], -abs(pair[0] - kind.neutral)))
            step = step.tried(number, best[0])
            curves[classes[number]] = pairs  # the last fit is the one on all images
        choices.append(_added(choice, step) if step != off else choice)
    return plan_of(choices), curves


def _tried(choice: Choice, off: PerClassStep, number: int) -> list[Choice]:
    """Return one choice for each value of the step for one class."""
    steps = [off.tried(number, value) for value in type(off).grid]
    # A step that is off changes nothing, so its mask is the one without the step.
    return [choice if step == off else _added(choice, step) for step in steps]


def _scored(
    pool: Pool, tried: list[Choice], values: tuple[float, ...], fit_N: np.ndarray
) -> list[tuple[float, float]]:
    """Return pairs of a value and its score on the images of the fit."""
    scores = [drawn_scores(pool.metric, each, fit_N[None])[0] for each in pool.evidence(tried)]
    return list(zip(values, map(float, scores), strict=True))


def _added(choice: Choice, step: StepBase) -> Choice:
    """Return the choice with this step. A step that cannot be combined with it is removed."""
    others = [each for each in choice.steps if not {each.name, step.name} <= set(EXCLUSIVE)]
    return choice.model_copy(update={"steps": in_order((*others, cast(StepSpec, step)))})
