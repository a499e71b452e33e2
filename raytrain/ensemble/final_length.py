"""Derive the length of training on all labeled images, and the weights to ship, from the folds.

That training has no validation images, so the folds decide. Members ship the epochs that are the
medians, position by position, over the epochs that the folds shipped. The schedule does not change.
"""

from collections.abc import Sequence
from statistics import median_high

from raytrain.config.shipping import (
    AverageBestSpec,
    BestSpec,
    EpochsSpec,
    LastSpec,
    OneShip,
    candidates,
)
from raytrain.config.trial import TrialSpec
from raytrain.engine.shipped import Shipped, read_shipped
from raytrain.runs.record import Task


def chosen_kind(folds: Sequence[Task]) -> OneShip:
    """Return the kind of weights with the highest validation score over the folds of a
    configuration. Each fold is weighted by its number of images."""
    shipped = [read_shipped(task.trial_dir) for task in folds]

    def score(kind: OneShip) -> float:
        parts = zip(folds, shipped, strict=True)
        return sum(len(t.val_ids) * s.kinds[kind.label]["val_score"] for t, s in parts)

    return max(candidates(folds[0].spec.ship), key=score)


def final_spec(folds: Sequence[Task]) -> TrialSpec:
    """Return the spec of the member that is trained on all labeled images."""
    spec, kind = folds[0].spec, chosen_kind(folds)
    of_folds = [_epochs(read_shipped(task.trial_dir), kind) for task in folds]
    ship: OneShip = kind
    if isinstance(kind, BestSpec | AverageBestSpec):
        # A fold that ended after fewer epochs than are averaged has fewer to contribute.
        shortest = min(map(len, of_folds))
        places = zip(*(epochs[-shortest:] for epochs in of_folds), strict=True)
        at = tuple(sorted({median_high(place) for place in places}))
        ship = EpochsSpec(at=at) if len(at) > 1 else LastSpec()
        end = at[-1]
    else:
        end = median_high(epochs[-1] for epochs in of_folds)
    until = None if end == spec.epochs else end
    return spec.model_copy(update={"ship": ship, "stop": None, "until": until})


def _epochs(shipped: Shipped, kind: OneShip) -> list[int]:
    return shipped.kinds[kind.label]["epochs"]
