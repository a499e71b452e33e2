"""Which trials are tried, and in which order."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from raytrain.config.base import Spec, named_by_default
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
