"""How a budget is shared between the quick member, the search and what is shipped.

Pure arithmetic on timed costs, in seconds of work since the budget's first start.
"""

from dataclasses import dataclass
from math import ceil

QUICK = 0.1
"""The first checked CSV stands within this share of the budget."""
SHIPPED = 0.5
"""At most this share of what is left then is set aside for the folds and members of the best."""
MARGIN = 1.5
"""Work is taken to last so much longer than timed: other work, starts of workers."""
END = 0.02
"""Share of the budget at its end for the ledger and the report."""
FORWARD = 0.5
"""A pass forward, of one forward and back."""


@dataclass(frozen=True)
class Costs:
    """What trainings take here."""

    epoch_s: float
    """One over all labelled images."""
    images: int
    """Labelled ones, and those to be predicted beside them."""
    tests: int
    places: int
    """Workers at once."""
    folds: int
    workers: int
    """Of a member's training on all labelled images."""

    def rounds(self, members: int) -> int:
        """Trainings one after another: those of the folds, then those of the members."""
        return ceil(members * self.folds / self.places) + ceil(members * self.workers / self.places)

    def maps_s(self, members: int) -> float:
        """Predicting every labelled and test image."""
        share = FORWARD * (self.images + self.tests) / self.images
        return members * share * self.epoch_s / min(self.places, self.folds)

    def shipped_s(self, members: int, epochs: int) -> float:
        """From configurations to a CSV."""
        return self.rounds(members) * epochs * self.epoch_s + self.maps_s(members)

    def epochs_within(self, seconds: float, most: int) -> int:
        """Of one member that is shipped within so many seconds; at least one."""
        left = seconds / MARGIN - self.maps_s(1)
        return max(1, min(most, int(left / (self.rounds(1) * self.epoch_s))))


def quick_epochs(costs: Costs, used_s: float, total_s: float, most: int) -> int:
    """Epochs of the quick member."""
    return costs.epochs_within(QUICK * total_s - used_s, most)


def search_share(
    costs: Costs, used_s: float, total_s: float, most: int, members: int
) -> tuple[int, float]:
    """Epochs of the trials, and the second at which the search ends.

    Trials are no longer than what could be shipped of them: at least one member in the share that
    is set aside, whole.
    """
    left = (1 - END) * total_s - used_s
    aside = SHIPPED * left
    epochs = costs.epochs_within(aside, most)
    aside = min(aside, MARGIN * costs.shipped_s(members, epochs))
    return epochs, used_s + left - aside
