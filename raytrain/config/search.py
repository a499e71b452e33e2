"""Which trials are tried, and in which order."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from raytrain.config.base import Spec, named_by_default
from raytrain.config.changes import CHANGEABLE
from raytrain.config.schedulers import AshaSpec, SchedulerSpec
from raytrain.config.space import RANGES, domain_of, kinds_in


class RandomSpec(Spec):
    """Every trial drawn by itself; top-level grids are crossed and covered first."""

    name: Literal["random"] = "random"


class GridSpec(Spec):
    """All combinations of the listed values, once each, in an order that the seed decides."""

    name: Literal["grid"] = "grid"


class TpeSpec(Spec):
    """The tree-structured Parzen estimator (Bergstra et al. 2011; Optuna's): later trials are drawn
    where earlier ones were good. Running trials count as bad, so that neighbours spread."""

    name: Literal["tpe"] = "tpe"
    startup: int = Field(10, ge=1)
    """So many trials are drawn at random first."""


SamplerSpec = Annotated[
    RandomSpec | GridSpec | TpeSpec, Field(discriminator="name"), named_by_default("random")
]


class RepeatsSpec(Spec):
    """How often each configuration is trained. A repeat is a trial of its own, whose seed and fold
    are in its fingerprint; the leaderboard ranks configurations by the mean over theirs."""

    seeds: int = Field(1, ge=1)
    """With `trial.seed` and the numbers after it; raised later, the new ones are added."""
    folds: Literal["all"] | None = None
    """`all`: with each seed on every fold of `folds`. null: on the given split or, without one,
    the first fold."""


class SearchSpec(Spec):
    """Which trials are tried, and which are stopped early."""

    trials: int = Field(8, ge=1)
    """At most so many configurations; raised later, a finished search goes on with the new ones."""
    workers: int = Field(1, ge=1)
    """Ray Train workers that each trial is trained on. With one, trials are packed into processes
    that serve one after another; with several, each trial starts a worker group of its own, half a
    minute and about 1 GB a process: for trials that one worker would train for hours."""
    repeats: RepeatsSpec = RepeatsSpec()
    """`{seeds: 3}`, `{folds: all}` or both."""
    seed: int = Field(0, ge=0)
    sampler: SamplerSpec = RandomSpec()
    scheduler: SchedulerSpec = AshaSpec()
    space: dict[str, Any] = {}
    """Dotted path under `trial` -> `{choice: [...]}`, `{grid: [...]}`, `{uniform: [a, b]}`,
    `{loguniform: [a, b]}` or `{integer: [a, b]}`. What is chosen may hold such domains itself."""
    warm_start: tuple[str, ...] = ()
    """Earlier searches, each as a run's name or folder: their best trials that lie in the space
    come first, and on the same data and metric `tpe` knows all their results."""
    warm_points: int = Field(3, ge=1)
    """So many of the earlier searches' best trials are run again here."""

    keep: int = Field(3, ge=1)
    """So many of the best trials keep their weights."""

    def longest(self, epochs: int) -> int:
        """The most epochs of any trial, those of the base trial given."""
        domain = domain_of(self.space.get("epochs"))
        return max(domain[1]) if domain else epochs

    @property
    def changing(self) -> dict[str, Any]:
        """The part of the space that a population perturbs on the way."""
        return {
            path: node
            for path, node in self.space.items()
            if path in CHANGEABLE and (domain := domain_of(node)) and _numbers(domain[1])
        }

    @model_validator(mode="after")
    def _a_population_can_be_changed(self) -> Self:
        if self.scheduler.name != "pbt":
            return self
        problems = []
        if not self.changing:
            problems.append(
                f"nothing in the space can be perturbed; add one of {', '.join(CHANGEABLE)}, such "
                "as optimizer.lr: {loguniform: [1e-4, 1e-2]}"
            )
        momentum = domain_of(self.space.get("optimizer.momentum"))
        if momentum and 0 in momentum[1]:
            problems.append("optimizer.momentum: it cannot be switched on or off on the way")
        if self.trials < 2:
            problems.append("a population has at least two members; set trials: 8")
        if self.workers > 1:
            problems.append(
                "trials of several workers run on past a generation's end; set workers: 1"
            )
        if self.sampler.name == "tpe":
            problems.append(
                "the members are all drawn before the first has a score, which tpe needs; set "
                "sampler: {name: random}"
            )
        if fixed := sorted({"epochs", "length", "until", "changes"} & self.space.keys()):
            problems.append(f"all members are as long; take {', '.join(fixed)} out of the space")
        if problems:
            raise ValueError("scheduler: pbt: " + "; ".join(problems))
        return self

    @model_validator(mode="after")
    def _repeats_are_alike(self) -> Self:
        if self.repeats == RepeatsSpec():
            return self
        if self.scheduler.name != "none":
            raise ValueError(
                f"repeats: {self.scheduler.name} would stop some repeats of a configuration and "
                "not others, so that their mean would say nothing; set scheduler: {name: none}"
            )
        if "seed" in self.space and self.repeats.seeds > 1:
            raise ValueError(
                "repeats.seeds: the space varies the seed, too; take `seed` out of the space"
            )
        return self

    @model_validator(mode="after")
    def _grids_are_finite(self) -> Self:
        ranges = [path for path, node in self.space.items() if kinds_in(node) & set(RANGES)]
        if self.sampler.name == "grid" and ranges:
            raise ValueError(
                f"sampler: grid tries all listed values, but {', '.join(ranges)} is a range; "
                "give a choice or a grid there, or take sampler: {name: random}"
            )
        return self


def _numbers(values: list[Any]) -> bool:
    return all(type(value) in (int, float) for value in values)
