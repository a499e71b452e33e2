"""Which trials are stopped early."""

from typing import Annotated, Literal

from pydantic import Field

from raytrain.config.base import Spec


class _RungSpec(Spec):
    grace: int = Field(1, ge=1)
    """Epochs that every trial may run. 1 saves the most; where scores only say something later,
    such as after a warm-up, give that epoch. The last epoch of all is `trial.epochs`."""
    factor: int = Field(2, ge=2)
    """At each rung the best 1/factor go on: 2 stops half, the mildest; 3 or 4 save more of a large
    search."""

    def rungs(self, epochs: int) -> list[int]:
        """The epochs at which trials are compared: grace, grace x factor, ... below the last."""
        found, epoch = [], self.grace
        while epoch < epochs:
            found.append(epoch)
            epoch *= self.factor
        return found


class AshaSpec(_RungSpec):
    """Asynchronous successive halving (Li et al. 2020), as Ray Tune has it: rungs at
    grace x factor**k epochs, at each of which a trial stops unless it is among the best so far.

    It never pauses or promotes: the first at a rung pass unchallenged, a later one cannot return.
    """

    name: Literal["asha"] = "asha"
    brackets: int = Field(1, ge=1)
    """Trials are dealt to so many brackets, by their fingerprint; each has its first rung `factor`
    times later than the one before. 1: all meet the first rung; more hedge against scores that
    mislead early on."""


class PromoteSpec(_RungSpec):
    """Asynchronous successive halving that promotes: at a rung a trial pauses, and whenever a
    place is free the best of the top 1/factor of the highest rung goes on from its checkpoint;
    where there is none, a new trial starts. For few places at once.

    What was stopped when a search ended goes on, too, if one made longer puts it among the best; it
    trains again up to there when its weights were not among those that are kept."""

    name: Literal["promote"] = "promote"


class MedianSpec(Spec):
    """The median stopping rule (Golovin et al. 2017), as Ray Tune has it: a trial stops when its
    best score so far is below the median of the others' mean scores up to that epoch."""

    name: Literal["median"] = "median"
    grace: int = Field(1, ge=1)
    """Epochs that every trial may run."""
    samples: int = Field(3, ge=1)
    """So many other trials must have come as far."""

    def rungs(self, epochs: int) -> list[int]:
        """None: every epoch is one."""
        del epochs
        return []


class NoSchedulerSpec(Spec):
    """Every trial runs all its epochs."""

    name: Literal["none"] = "none"

    def rungs(self, epochs: int) -> list[int]:
        """None."""
        del epochs
        return []


SchedulerSpec = Annotated[
    AshaSpec | PromoteSpec | MedianSpec | NoSchedulerSpec, Field(discriminator="name")
]
