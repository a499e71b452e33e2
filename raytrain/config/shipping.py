"""Which weights of a training are shipped, which are kept beside them, and when training ends.

`ship` is answered after the last epoch, from the history alone (`runs/shipping.py`); training on
all labelled images, which has no validation, gets the answer from the folds (`pipeline/length.py`).
"""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, field_validator

from raytrain.config.base import Spec, named_by_default

Watched = Literal["val_score", "val_loss", "val_dice", "train_loss"]


class LastSpec(Spec):
    """The last epoch's weights. The out-of-fold score then owes nothing to a choice of epochs."""

    name: Literal["last"] = "last"

    @property
    def label(self) -> str:
        """In short; the shipped file's name, too."""
        return self.name


class BestSpec(Spec):
    """The epoch with the best figure on the validation images."""

    name: Literal["best"] = "best"
    watch: Literal["val_score", "val_loss"] = "val_score"

    @property
    def label(self) -> str:
        """In short, such as `best_val_loss`."""
        return f"best_{self.watch}"


class AverageBestSpec(Spec):
    """The mean of the weights of the epochs with the highest validation scores (a soup of one
    training's checkpoints, Wortsman et al. 2022), BatchNorm's statistics computed anew."""

    name: Literal["average_best"] = "average_best"
    count: int = Field(3, ge=2)

    @property
    def label(self) -> str:
        """In short, such as `average_best3`."""
        return f"{self.name}{self.count}"


class SwaSpec(Spec):
    """The mean of the weights after each epoch from `start` on (stochastic weight averaging,
    Izmailov et al. 2018), BatchNorm's statistics computed anew."""

    name: Literal["swa"] = "swa"
    start: float = Field(0.75, ge=0, lt=1)
    """Share of `epochs` after which averaging begins; a training that ends before ships its
    last weights."""

    @property
    def label(self) -> str:
        """In short, such as `swa0.75`."""
        return f"{self.name}{self.start:g}"


class EpochsSpec(Spec):
    """The mean of the weights after these epochs, BatchNorm's statistics computed anew."""

    name: Literal["epochs"] = "epochs"
    at: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1)

    @property
    def label(self) -> str:
        """In short, such as `epochs12-15`."""
        return self.name + "-".join(map(str, self.at))

    @field_validator("at")
    @classmethod
    def _rising(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(first >= second for first, second in pairwise(value)):
            raise ValueError(f"give epochs in rising order (got {list(value)})")
        return value


OneShip = Annotated[
    LastSpec | BestSpec | AverageBestSpec | SwaSpec | EpochsSpec, Field(discriminator="name")
]


class BetterSpec(Spec):
    """Several kinds of weights are scored on the validation images, and the best is shipped (source
    system A scores the epoch of the lowest loss and the last one).

    What is trained on all labelled images ships the kind with the highest mean over the folds.
    """

    name: Literal["better"] = "better"
    of: tuple[OneShip, ...] = Field((LastSpec(), BestSpec(watch="val_loss")), min_length=2)
    """The first of equals is shipped."""

    @field_validator("of")
    @classmethod
    def _differ(cls, value: tuple[OneShip, ...]) -> tuple[OneShip, ...]:
        names = [kind.label for kind in value]
        if len(set(names)) < len(names) or sum(isinstance(k, SwaSpec) for k in value) > 1:
            raise ValueError(f"each kind only once, and one swa at most (got {names})")
        return value

    @property
    def label(self) -> str:
        """In short, such as `better_last_swa0.75`."""
        return "_".join([self.name, *(kind.label for kind in self.of)])


ShipSpec = Annotated[
    LastSpec | BestSpec | AverageBestSpec | SwaSpec | EpochsSpec | BetterSpec,
    Field(discriminator="name"),
    named_by_default("last"),
]


def candidates(ship: ShipSpec) -> tuple[OneShip, ...]:
    """The kinds of weights that are made and scored, in order."""
    return ship.of if isinstance(ship, BetterSpec) else (ship,)


class KeepSpec(Spec):
    """Checkpoints that stay on disk beside those that `ship` needs."""

    last: int = Field(2, ge=2)
    """The newest so many: should one be damaged, training goes on from the one before."""
    best: int = Field(1, ge=1)
    """Those of the highest validation scores."""
    every: int = Field(0, ge=0)
    """Those of every so many epochs; 0: none."""


class EarlyStopSpec(Spec):
    """Training ends when a figure has not got better for `patience` epochs.

    Which weights are shipped is `ship`'s choice: with `last` those after the patience, so choose
    `best` or an average with it.
    """

    watch: Watched = "val_score"
    patience: int = Field(10, ge=1)
    """Epochs in a row without a better figure."""
    min_delta: float = Field(0.0, ge=0)
    """A figure is better when it beats the best one by more than this."""
