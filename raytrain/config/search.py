"""The settings of the search: which trials run, and in which order."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from raytrain.config.base import NamedByDefault, Spec
from raytrain.config.schedulers import AshaSpec, SchedulerSpec
from raytrain.config.space import RANGES, domain_of, kinds_in

OF_DRAWS = "of draws"
"""Marks the fields that determine which trials are drawn, except their number."""


class RandomSpec(Spec):
    """Trials are drawn independently. With `grid` lists at the top level of the space, each of
    their combinations is drawn before one is repeated."""

    name: Literal["random"] = "random"


class GridSpec(Spec):
    """All combinations of the listed values, once each, in an order that the seed determines."""

    name: Literal["grid"] = "grid"


class TpeSpec(Spec):
    """The tree-structured Parzen estimator (Bergstra et al. 2011), from Optuna. Later trials are
    drawn where earlier ones scored well. Running trials count as bad, so that parallel draws spread
    out."""

    name: Literal["tpe"] = "tpe"
    startup: int = Field(10, ge=1)
    """Number of trials that are drawn at random before the estimator is used."""


SamplerSpec = Annotated[
    RandomSpec | GridSpec | TpeSpec, Field(discriminator="name"), NamedByDefault("random")
]


class RepeatsSpec(Spec):
    """How often each configuration is trained. A repeat is a separate trial with its seed and fold
    in its fingerprint. The leaderboard ranks configurations by the mean over their repeats."""

    seeds: int = Field(1, ge=1)
    """Number of seeds: `trial.seed` and the numbers after it. If it is raised later, only the
    additional seeds are trained."""
    folds: Literal["all"] | None = None
    """`all`: every seed is trained on every fold of `folds`. null: with the val split or, without
    one, the first fold held out."""


class SearchSpec(Spec):
    """Which trials the search runs, and which of them it stops early."""

    trials: int = Field(8, ge=1)
    """Largest number of configurations. If you raise it later, the same command draws and trains
    the additional ones."""
    workers: int = Field(1, ge=1)
    """Ray Train workers per trial. With one, reused processes run trials one after another. With
    several, each trial starts its own worker group, which costs half a minute and about 1 GB per
    process; use several for trials that take hours on one worker."""
    repeats: RepeatsSpec = RepeatsSpec()
    """`{seeds: 3}`, `{folds: all}` or both."""
    seed: Annotated[int, OF_DRAWS] = Field(0, ge=0)
    sampler: Annotated[SamplerSpec, OF_DRAWS] = RandomSpec()
    scheduler: SchedulerSpec = AshaSpec()
    space: Annotated[dict[str, Any], OF_DRAWS] = {}
    """Dotted path under `trial` -> `{choice: [...]}`, `{grid: [...]}`, `{uniform: [a, b]}`,
    `{loguniform: [a, b]}` or `{integer: [a, b]}`. A listed value may itself contain such
    entries."""
    warm_start: Annotated[tuple[str, ...], OF_DRAWS] = ()
    """Earlier searches, each as the name or folder of a run. The three best trials of each that lie
    in the space run first. If the data and metric are the same, `tpe` also uses all their
    results."""
    keep: int = Field(3, ge=1)
    """Number of the best trials that keep their weights."""

    def longest(self, epochs: int) -> int:
        """Return the largest number of epochs of any trial; `epochs` is that of the base trial."""
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
