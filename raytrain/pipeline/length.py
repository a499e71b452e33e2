"""From how the folds ended to how long members train on all labelled images, and what they ship.

There is nothing to validate on there, so the folds decide: members ship the epochs that are the
medians, place by place, over the epochs that the folds shipped; the schedule stays as it was.
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
from raytrain.engine.shipping import Shipped, read_shipped
from raytrain.runs.record import Task


def chosen_kind(folds: Sequence[Task]) -> OneShip:
    """The kind of weights with the highest validation score over the folds of one configuration,
    each fold counted by its images."""
    shipped = [read_shipped(task.trial_dir) for task in folds]

    def score(kind: OneShip) -> float:
        parts = zip(folds, shipped, strict=True)
        return sum(len(t.val_ids) * s.kinds[kind.label]["val_score"] for t, s in parts)

    return max(candidates(folds[0].spec.ship), key=score)


def final_spec(folds: Sequence[Task]) -> TrialSpec:
    """The spec of the member that is trained on all labelled images."""
    spec, kind = folds[0].spec, chosen_kind(folds)
    of_folds = [_epochs(read_shipped(task.trial_dir), kind) for task in folds]
    ship: OneShip = kind
    if isinstance(kind, BestSpec | AverageBestSpec):
        # A fold that ended after fewer epochs than are averaged has fewer to tell.
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
