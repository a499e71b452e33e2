"""Metrics of probability maps, without a threshold, and the base class of all metrics."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from raytrain.config.base import Spec


class MetricBase(Spec):
    word: ClassVar[str]

    @property
    def label(self) -> str:
        """Short form of the metric, such as `volume Dice`."""
        return self.word

    @property
    def key(self) -> str:
        """Name of the metric with its settings, such as `weighted_f1`, as key of a mapping of
        scores."""
        return str(self.model_dump()["name"])


def _weigh_a_class(value: tuple[float, ...]) -> tuple[float, ...]:
    if not any(value):
        raise ValueError("every weight is 0; give a class a weight above 0")
    return value


ClassWeights = Annotated[tuple[Annotated[float, Field(ge=0)], ...], AfterValidator(_weigh_a_class)]
"""One number per class, background first."""


class CrossEntropyMetricSpec(MetricBase):
    """Minus the mean over pixels of -log p(true class), in nats, then the mean over images."""

    name: Literal["cross_entropy"] = "cross_entropy"
    class_weights: ClassWeights | None = None
    """Weight of each class's pixels in the mean; null: 1."""
    word: ClassVar[str] = "-cross-entropy"

    @property
    def label(self) -> str:
        return self.word if self.class_weights is None else "-weighted cross-entropy"


class FocalMetricSpec(MetricBase):
    """Minus the mean over pixels of -alpha (1 - p)^gamma log p, with p of the true class, in nats,
    then the mean over images (Lin et al. 2017)."""

    name: Literal["focal"] = "focal"
    gamma: float = Field(2.0, ge=0)
    alpha: ClassWeights | None = None
    """Weight of each class's pixels; null: 1. For two classes, `[0.8, 0.2]` is an alpha of .2."""
    word: ClassVar[str] = "-focal"


class SoftOverlapSpec(MetricBase):
    background: bool = False
    """Whether class 0 counts too."""
    size: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    """Height and width, in px, to which map and mask are resized bicubically before the comparison.
    The mask then has values between 0 and 1 at its borders, as in source system E. null: the
    image's own size."""

    name: Literal["soft_dice", "soft_iou"]


class SoftDiceMetricSpec(SoftOverlapSpec):
    """2 sum(p t) / (sum p + sum t) of each image and class, 0 .. 1, with probabilities p and truth
    t, without a threshold; then the mean."""

    name: Literal["soft_dice"] = "soft_dice"
    word: ClassVar[str] = "soft Dice"


class SoftIoUMetricSpec(SoftOverlapSpec):
    """sum(p t) / (sum p + sum t - sum(p t)) of each image and class, 0 .. 1, with probabilities p
    and truth t, without a threshold; then the mean."""

    name: Literal["soft_iou"] = "soft_iou"
    word: ClassVar[str] = "soft IoU"
