"""Early stopping of trials."""

from typing import Annotated, Literal

from pydantic import Field

from raytrain.config.base import Spec


class _RungSpec(Spec):
    grace: int = Field(1, ge=1)
    """Number of epochs that every trial runs before it can be stopped. 1 saves the most. If early
    scores say little, such as during a warm-up, give a later epoch. The last epoch is
    `trial.epochs`."""
    factor: int = Field(2, ge=2)
    """At each rung, the best 1/factor of the trials continue. 2 stops half of them, which is the
    mildest choice; 3 or 4 save more in a large search."""

    def rungs(self, epochs: int) -> list[int]:
        """Return the epochs at which trials are compared: grace, grace x factor, ... up to the last
        epoch, which is not included."""
        found, epoch = [], self.grace
        while epoch < epochs:
            found.append(epoch)
            epoch *= self.factor
        return found


class AshaSpec(_RungSpec):
    """Asynchronous successive halving (Li et al. 2020), as in Ray Tune. The rungs are at grace x
    factor**k epochs. At each rung a trial stops unless it is among the best so far. It never pauses
    or promotes trials: the first trials at a rung pass unchallenged, and a stopped trial cannot
    return.
    """

    name: Literal["asha"] = "asha"
    brackets: int = Field(1, ge=1)
    """Number of brackets. Each trial belongs to one bracket, by its fingerprint. The first rung of
    a bracket is `factor` times later than that of the previous bracket. 1: all trials meet the
    first rung. More brackets protect against misleading early scores."""


class PromoteSpec(_RungSpec):
    """Asynchronous successive halving with promotion. At a rung a trial pauses. When a place is
    free, the best paused trial in the top 1/factor of the highest rung continues from its
    checkpoint; if there is none, a new trial starts. This suits searches that run few trials at
    once. A trial that was stopped at the end of a search also continues if a longer search puts it
    among the best. If its weights were not kept, it trains again up to the rung."""

    name: Literal["promote"] = "promote"


class _WithoutRungs(Spec):
    def rungs(self, epochs: int) -> list[int]:
        """Return no rungs: trials are compared at every epoch, or never."""
        del epochs
        return []


class MedianSpec(_WithoutRungs):
    """The median stopping rule (Golovin et al. 2017), as in Ray Tune. A trial stops when its best
    score so far is below the median of the other trials' mean scores up to that epoch."""

    name: Literal["median"] = "median"
    grace: int = Field(1, ge=1)
    """Number of epochs that every trial runs before it can be stopped."""
    samples: int = Field(3, ge=1)
    """Number of other trials that must have reached the epoch before the rule applies."""


class NoSchedulerSpec(_WithoutRungs):
    """Every trial runs all its epochs."""

    name: Literal["none"] = "none"


SchedulerSpec = Annotated[
    AshaSpec | PromoteSpec | MedianSpec | NoSchedulerSpec, Field(discriminator="name")
]
