"""Which weights of a training are shipped, which checkpoints stay on disk, and when training ends.

After the last epoch, `ship` is decided from the history alone (`runs/chosen_epochs.py`). Training
on all labeled images has no validation, so the folds decide (`ensemble/final_length.py`).
"""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from raytrain.config.base import RISING, NamedByDefault, Spec

Watched = Literal["val_score", "val_loss", "val_dice", "train_loss"]


class LastSpec(Spec):
    """The last epoch's weights. The out-of-fold score is then not influenced by a choice of
    epochs."""

    name: Literal["last"] = "last"

    @property
    def label(self) -> str:
        """Short name of the weights, `last`, and of their file."""
        return self.name


class BestSpec(Spec):
    """The weights of the epoch with the best figure on the validation images, or with the lowest
    training loss."""

    name: Literal["best"] = "best"
    watch: Literal["val_score", "val_loss", "train_loss"] = "val_score"

    @property
    def label(self) -> str:
        """Short name of the weights, such as `best_val_loss`."""
        return f"best_{self.watch}"


class AverageBestSpec(Spec):
    """The mean of the weights of the epochs with the highest validation scores, with BatchNorm's
    statistics recomputed (a soup of one training's checkpoints, Wortsman et al. 2022)."""

    name: Literal["average_best"] = "average_best"
    count: int = Field(3, ge=2)

    @property
    def label(self) -> str:
        """Short name of the weights, such as `average_best3`."""
        return f"{self.name}{self.count}"


class SwaSpec(Spec):
    """The mean of the weights after each epoch from `start` on, with BatchNorm's statistics
    recomputed (stochastic weight averaging, Izmailov et al. 2018)."""

    name: Literal["swa"] = "swa"
    start: float = Field(0.75, ge=0, lt=1)
    """Share of `epochs` after which averaging begins. A shorter training ships its last weights."""

    @property
    def label(self) -> str:
        """Short name of the weights, such as `swa0.75`."""
        return f"{self.name}{self.start:g}"


class EpochsSpec(Spec):
    """The mean of the weights after these epochs, with BatchNorm's statistics recomputed."""

    name: Literal["epochs"] = "epochs"
    at: Annotated[tuple[Annotated[int, Field(ge=1)], ...], RISING] = Field(min_length=1)

    @property
    def label(self) -> str:
        """Short name of the weights, such as `epochs12-15`."""
        return self.name + "-".join(map(str, self.at))


OneShip = Annotated[
    LastSpec | BestSpec | AverageBestSpec | SwaSpec | EpochsSpec, Field(discriminator="name")
]


class BetterSpec(Spec):
    """The best of several kinds of weights, by score on the validation images. Training on all
    labeled images ships the kind with the highest mean over the folds. Source system A compares in
    this way the epoch of the lowest training loss with the last one."""

    name: Literal["better"] = "better"
    of: tuple[OneShip, ...] = Field((LastSpec(), BestSpec(watch="val_loss")), min_length=2)
    """The kinds to compare. On a tie, the first kind is shipped."""

    @field_validator("of")
    @classmethod
    def _differ(cls, value: tuple[OneShip, ...]) -> tuple[OneShip, ...]:
        names = [kind.label for kind in value]
        if len(set(names)) < len(names) or sum(isinstance(k, SwaSpec) for k in value) > 1:
            raise ValueError(
                f"of: list each kind of weights once, and at most one swa (got {names})"
            )
        return value

    @property
    def label(self) -> str:
        """Short name of the weights, such as `better_last_swa0.75`."""
        return "_".join([self.name, *(kind.label for kind in self.of)])


ShipSpec = Annotated[
    LastSpec | BestSpec | AverageBestSpec | SwaSpec | EpochsSpec | BetterSpec,
    Field(discriminator="name"),
    NamedByDefault("last"),
]


def candidates(ship: ShipSpec) -> tuple[OneShip, ...]:
    """Return the kinds of weights that a training makes and scores, in order."""
    return ship.of if isinstance(ship, BetterSpec) else (ship,)


class KeepSpec(Spec):
    """Checkpoints that stay on disk in addition to those that `ship` needs."""

    last: int = Field(2, ge=2)
    """Number of newest checkpoints. If the newest is damaged, training resumes from the one before
    it."""
    best: int = Field(1, ge=1)
    """Number of checkpoints with the highest validation scores."""
    every: int = Field(0, ge=0)
    """Interval in epochs at which a checkpoint is kept; 0: none."""


class EarlyStopSpec(Spec):
    """Training ends when a figure has not improved for `patience` epochs.

    `ship` decides which weights are shipped. With `last`, these are the weights at the end of the
    patience, so combine early stopping with `best` or an average.
    """

    watch: Watched = "val_score"
    patience: int = Field(10, ge=1)
    """Number of epochs in a row without improvement."""
    min_delta: float = Field(0.0, ge=0)
    """A figure counts as improved if it is better than the best one by more than this."""
