"""Division of a budget between the quick member, the search and the final ensemble.

Pure arithmetic on timed costs, in seconds of work since the first start of the budget.
"""

from dataclasses import dataclass
from math import ceil

QUICK = 0.1
"""Share of the budget within which the first checked CSV should be ready."""
SHIPPED = 0.5
"""Largest share of the remaining time that is reserved for folds and final members."""
MARGIN = 1.5
"""Factor by which work may exceed its timed cost, because of other load on the machine and the
start of workers."""
END = 0.02
"""Share of the budget that is reserved at its end for the final steps: the ledger and the
report."""
FORWARD = 0.5
"""Cost of a forward pass, as a share of a forward and a backward pass."""


@dataclass(frozen=True)
class Costs:
    """The costs of trainings on this machine or cluster."""

    epoch_s: float
    """Seconds of one epoch over all labeled images."""
    images: int
    """Number of labeled images, and number of test images to predict."""
    tests: int
    places: int
    """Number of workers that can run at once."""
    folds: int
    workers: int
    """Number of workers of a member's training on all labeled images."""
    passes: int
    """Number of network passes for each image: for the image itself and for each view that is
    tried."""

    def rounds(self, members: int) -> int:
        """Return how many trainings run one after another: first of the folds, then of the
        members."""
        return ceil(members * self.folds / self.places) + ceil(members * self.workers / self.places)

    def maps_s(self, members: int) -> float:
        """Return the seconds to predict every labeled and test image."""
        share = self.passes * FORWARD * (self.images + self.tests) / self.images
        return members * share * self.epoch_s / min(self.places, self.folds)

    def shipped_s(self, members: int, epochs: int) -> float:
        """Return the seconds from chosen configurations to a CSV."""
        return self.rounds(members) * epochs * self.epoch_s + self.maps_s(members)

    def epochs_within(self, seconds: float, most: int) -> int:
        """Return the largest number of epochs, at least one, of a member that is shipped within
        `seconds`."""
        left = seconds / MARGIN - self.maps_s(1)
        return max(1, min(most, int(left / (self.rounds(1) * self.epoch_s))))


def quick_epochs(costs: Costs, used_s: float, total_s: float, most: int) -> int:
    """Return the number of epochs of the quick member."""
    return costs.epochs_within(QUICK * total_s - used_s, most)


def search_share(
    costs: Costs, used_s: float, total_s: float, most: int, members: int
) -> tuple[int, float]:
    """Return the number of epochs of the trials, and the second at which the search ends.

    Trials are short enough that at least one whole member fits into the reserved time.
    """
    left = (1 - END) * total_s - used_s
    aside = SHIPPED * left
    epochs = costs.epochs_within(aside, most)
    aside = min(aside, MARGIN * costs.shipped_s(members, epochs))
    return epochs, used_s + left - aside
