"""Terms of a loss and their parameters. The names are the keys of `losses.LOSSES`."""

from typing import Annotated, Literal

from pydantic import Field

from raytrain.config.base import Spec


class _LossTerm(Spec):
    weight: float = Field(1.0, gt=0)
    """Factor of this term in the sum."""


class CrossEntropySpec(_LossTerm):
    """Pixel-wise cross-entropy on the softmax over classes."""

    name: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: float = Field(0.0, ge=0, lt=1)


class DiceSpec(_LossTerm):
    """1 - Dice with the batch pooled per class (Milletari et al. 2016, without squares)."""

    name: Literal["dice"] = "dice"
    background: bool = False
    """Whether class 0 counts too."""


class SoftDiceSpec(_LossTerm):
    """1 - Dice per image and class, with squared terms in the denominator."""

    name: Literal["soft_dice"] = "soft_dice"
    background: bool = False
    """Whether class 0 counts too."""


LossTerm = Annotated[CrossEntropySpec | DiceSpec | SoftDiceSpec, Field(discriminator="name")]
