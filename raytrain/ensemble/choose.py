"""Choose the ensemble by out-of-fold evidence: views of each candidate, weights, and steps.

Everything is chosen once without each fold and once on all images. The scores are nested: each
image is predicted by what was chosen without its fold. A richer way replaces a simpler one only if
its nested score is higher, if it scores higher in at least 80 % of paired draws of groups, and if
at least six groups score differently.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from raytrain.config.predict import VIEW_COUNTS, ViewGroup
from raytrain.config.steps import InsideStep, PerClassStep
from raytrain.ensemble.fit_steps import Curves, fitted, with_step
from raytrain.ensemble.greedy import best_mean, greedy, only, single
from raytrain.ensemble.nested import Plan, Scored, gain, nested_evidence, plan_of, scored
from raytrain.ensemble.pool import Pool, Views
from raytrain.runs.ensemble import Choice, Comparison

What = Literal["views", "ensemble", "step", "self-training"]


@dataclass(frozen=True)
class Options:
    """The settings of the choice: what is tried, and the names to show."""

    most: int
    """Largest number of members of the ensemble."""
    views: tuple[tuple[ViewGroup, ...], ...]
    """Groups of views to try for each candidate, in the candidates' order."""
    steps: tuple[type[PerClassStep] | InsideStep, ...]
    """Steps to try, in the order in which they are applied."""
    networks: tuple[int, ...]
    """Number of networks of each candidate that predict a new image."""
    names: tuple[str, ...]
    """Names of the candidates."""
    classes: tuple[str, ...]
    """Names of the classes; the first is the background."""


def choose(pool: Pool, options: Options) -> tuple[Plan, list[Comparison]]:
    """Return the chosen plan, and all comparisons in order.

    With a single fold nothing can be compared. Then the plan is the equal mean of all candidates,
    without the maps of teammates.
    """
    count = len(pool.candidates)
    if pool.folds < 2:
        weights = tuple(int(networks > 0) for networks in options.networks)
        return plan_of([Choice(weights=weights, views=((),) * count)] * 2), []
    table = _Table(pool, options, [], {})
    views = _views(table)
    plan = table.first("best single", plan_of(single(pool, views)))
    most = min(options.most, count)
    for name, way in {"equal mean": best_mean, "greedy": greedy}.items():
        if most > 1:
            plan = table.better("ensemble", name, plan_of(way(pool, views, most)), plan)
    for step in options.steps:
        if isinstance(step, InsideStep):
            name = f"{options.classes[step.inner]} inside {options.classes[step.outer]}"
            plan = table.better("step", name, with_step(plan, step), plan)
        else:
            richer, curves = fitted(pool, plan, step, options.classes)
            name = step.model_fields["name"].default
            plan = table.better("step", name, richer, plan, curves)
    return plan, table.rows


def with_students(
    pool: Pool, options: Options, plan: Plan, students: Mapping[int, int]
) -> tuple[Plan, Comparison]:
    """Return the plan to keep, and the comparison of members with their students.

    `students` maps the index of a member to that of its student. The student gets the member's
    weight and views. The steps are those of the plan. Both scores are nested.
    """

    def taught(choice: Choice) -> Choice:
        weights, views = list(choice.weights), list(choice.views)
        for member, student in students.items():
            weights[student], weights[member] = weights[member], 0
            views[student] = views[member]
        return choice.model_copy(update={"weights": tuple(weights), "views": tuple(views)})

    table = _Table(pool, options, [], {})
    names = " + ".join(options.names[student] for student in students.values())
    plan = table.better("self-training", names, plan.changed(taught), plan)
    return plan, table.rows[0]


def _views(table: "_Table") -> Views:
    """Return the groups of views that each candidate keeps."""
    kept: list[tuple[ViewGroup, ...]] = []
    options = table.options
    for place, (name, groups) in enumerate(zip(options.names, options.views, strict=True)):
        own: tuple[ViewGroup, ...] = ()
        plan = _alone(table.pool, place, own)
        for group in groups:
            richer = _alone(table.pool, place, (*own, group))
            if table.better("views", f"{name}: {group}", richer, plan) is richer:
                plan, own = richer, (*own, group)
        kept.append(own)
    return tuple(kept)


def _alone(pool: Pool, place: int, own: tuple[ViewGroup, ...]) -> Plan:
    """Return the plan in which one candidate predicts every image with these views."""
    views = tuple(own if at == place else () for at in range(len(pool.candidates)))
    return plan_of([only(place, views)] * (pool.folds + 1))


@dataclass(frozen=True)
class _Table:
    """The comparisons so far, and the scores of the plans in them."""

    pool: Pool
    options: Options
    rows: list[Comparison]
    known: dict[tuple[Choice, ...], Scored]

    def first(self, name: str, plan: Plan) -> Plan:
        """Append the first plan, which later plans must beat, and return it."""
        self.rows.append(self._row("ensemble", name, plan, {}))
        return plan

    def better(
        self, what: What, name: str, richer: Plan, plan: Plan, curves: Curves | None = None
    ) -> Plan:
        """Append a comparison of a richer plan with a simpler one, and return the plan to keep."""
        found = gain(self._scored(richer), self._scored(plan))
        update = {
            "gain": found.mean, "gain_low": found.low, "gain_high": found.high,
            "wins": found.wins, "kept": found.is_kept, "detectable": found.detectable,
            "differing": found.differing, "groups": found.groups,
        }  # fmt: skip
        row = self._row(what, name, richer, curves or {})
        self.rows.append(row.model_copy(update=update))
        return richer if found.is_kept else plan

    def _row(self, what: What, name: str, plan: Plan, curves: Curves) -> Comparison:
        found = self._scored(plan)
        low, high = found.interval
        return Comparison(
            what=what,
            name=name,
            score=found.score,
            low=low,
            high=high,
            passes=_passes(plan.chosen, self.options.networks),
            kept=True,
            curves=curves,
        )

    def _scored(self, plan: Plan) -> Scored:
        if plan.nested not in self.known:
            pool, evidence = self.pool, nested_evidence(self.pool, plan)
            self.known[plan.nested] = scored(pool.metric, evidence, pool.labeled.groups_N)
        return self.known[plan.nested]


def _passes(choice: Choice, networks: tuple[int, ...]) -> int:
    """Return the number of network passes for each new image."""
    return sum(
        count * (1 + sum(VIEW_COUNTS[group] for group in groups))
        for weight, groups, count in zip(choice.weights, choice.views, networks, strict=True)
        if weight
    )
