"""Loss terms and their parameters. The names are the keys of `losses.LOSSES`."""

from typing import Annotated, Literal

from pydantic import Field

from raytrain.config.base import Spec
from raytrain.config.own import Widened
from raytrain.config.target import Target, outputs

Weights = tuple[Annotated[float, Field(ge=0)], ...]
"""One number per class, background first. If classes overlap, the background has no number."""


class LossTermBase(Spec):
    """Base class of all loss terms."""

    weight: float = Field(1.0, gt=0)
    """Factor of this term in the sum."""


class _RegionTerm(LossTermBase):
    background: bool = False
    """Whether class 0 counts too; if classes overlap, there is no class 0."""


class CrossEntropySpec(LossTermBase):
    """Pixel-wise cross-entropy on the softmax over classes."""

    name: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    class_weights: Weights | Literal["computed"] | None = None
    """Weight of each class's pixels. `computed`: all pixels of the training images divided by the
    pixels of the class, so that every class has the same total weight."""


class TopKCrossEntropySpec(LossTermBase):
    """Cross-entropy over the hardest pixels of each image (Wu et al. 2016; in nnU-Net)."""

    name: Literal["topk_cross_entropy"] = "topk_cross_entropy"
    share: float = Field(0.1, gt=0, le=1)
    """Share of an image's labeled pixels that are used, at least one pixel."""


class BceSpec(LossTermBase):
    """Binary cross-entropy of each class's probability, background included: on softmax maps, as
    source systems A and C train, or on sigmoids if classes overlap."""

    name: Literal["bce"] = "bce"


class BceWithLogitsSpec(LossTermBase):
    """Binary cross-entropy on the sigmoid of each logit, background included."""

    name: Literal["bce_with_logits"] = "bce_with_logits"
    positive_weight: float = Field(1.0, gt=0)
    """Weight of the pixels that belong to the class, relative to those that do not."""


class FocalSpec(LossTermBase):
    """Cross-entropy with less weight on easy pixels (Lin et al. 2017): -alpha (1-p)^gamma log p."""

    name: Literal["focal"] = "focal"
    gamma: float = Field(2.0, ge=0)
    alpha: Annotated[float, Field(gt=0, le=1)] | Weights | None = None
    """Weight of the pixels of the class, against 1 - alpha for the others, with two classes,
    sigmoids or overlapping classes. With more classes: one factor, or one per class."""
    maps: Literal["softmax", "sigmoid"] = "softmax"
    """`sigmoid`: each class for itself, background included, as in MONAI and in source system A.
    Classes that overlap always use sigmoids."""


class DiceSpec(_RegionTerm):
    """1 - Dice with the batch pooled per class (Milletari et al. 2016, without squares).

    With `over: images` and `background: true` it is MONAI's; with `power: 2` and `smooth: 1` it is
    also source system A's.
    """

    name: Literal["dice"] = "dice"
    over: Literal["batch", "images"] = "batch"
    """Whether Dice is computed once over all pixels of the batch, or for each image."""
    power: Literal[1, 2] = 1
    """Exponent of the probabilities and labels in the denominator."""
    smooth: float = Field(1e-5, gt=0)
    """Number of pixels that is added to numerator and denominator."""


class SoftDiceSpec(_RegionTerm):
    """1 - Dice per image and class, with squared terms in the denominator."""

    name: Literal["soft_dice"] = "soft_dice"


class GeneralisedDiceSpec(_RegionTerm):
    """1 - Dice per image, with classes weighted by 1 / size^2 (Sudre et al. 2017). A class that is
    absent from the image gets the weight of the image's smallest class."""

    name: Literal["generalised_dice"] = "generalised_dice"
    background: bool = True


class JaccardSpec(_RegionTerm):
    """1 - intersection over union per image and class (Rahman & Wang 2016)."""

    name: Literal["jaccard"] = "jaccard"


class TverskySpec(_RegionTerm):
    """1 - TP / (TP + alpha FP + beta FN) per image and class (Salehi et al. 2017)."""

    name: Literal["tversky"] = "tversky"
    alpha: float = Field(0.3, gt=0)
    """Weight of false positives."""
    beta: float = Field(0.7, gt=0)
    """Weight of false negatives."""


class FocalTverskySpec(_RegionTerm):
    """(1 - Tversky index)^gamma per image and class (Abraham & Khan 2019)."""

    name: Literal["focal_tversky"] = "focal_tversky"
    alpha: float = Field(0.3, gt=0)
    beta: float = Field(0.7, gt=0)
    gamma: float = Field(0.75, gt=0, le=3)


class LovaszSpec(_RegionTerm):
    """The Lovasz extension of 1 - IoU, per image and class that occurs (Berman et al. 2018)."""

    name: Literal["lovasz"] = "lovasz"


class BoundarySpec(_RegionTerm):
    """Probability times the signed distance to the true border, in image diagonals, positive
    outside (Kervadec et al. 2019).

    The loss may be negative, so add it to a region loss. The distance maps are computed on the CPU
    in every step: about 6 ms per image and class at 256 x 256 pixels.
    """

    name: Literal["boundary"] = "boundary"
    weight: float = Field(0.1, gt=0)


LossTerm = Annotated[
    CrossEntropySpec
    | TopKCrossEntropySpec
    | BceSpec
    | BceWithLogitsSpec
    | FocalSpec
    | DiceSpec
    | SoftDiceSpec
    | GeneralisedDiceSpec
    | JaccardSpec
    | TverskySpec
    | FocalTverskySpec
    | LovaszSpec
    | BoundarySpec,
    Field(discriminator="name"),
    Widened("LOSSES"),
]

ONE_CLASS = ("cross_entropy", "topk_cross_entropy")
"""Losses that need exactly one class per pixel."""


def loss_problems(terms: tuple[LossTerm, ...], target: Target, classes: int) -> list[str]:
    """Return the problems of these loss terms with masks of this target, one line each. `classes`
    is the number of classes, background included."""
    problems = []
    for place, term in enumerate(terms):
        where = f"trial.loss.{place} ({term.name})"
        if target == "multi_label" and term.name in ONE_CLASS:
            problems.append(
                f"{where}: needs one class a pixel, and here classes overlap; use bce_with_logits"
            )
        match term:
            case CrossEntropySpec(class_weights=tuple(given)) | FocalSpec(alpha=tuple(given)):
                if len(given) != (wanted := outputs(classes, target)):
                    problems.append(
                        f"{where}: {len(given)} weights for {wanted} classes; give each class one"
                    )
                elif not any(given):
                    problems.append(
                        f"{where}: all weights are 0, so the loss would always be 0; give a class "
                        "a weight above 0"
                    )
    return problems
