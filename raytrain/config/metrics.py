"""Metrics and their parameters. The names are the keys of `metrics.METRICS`.

Every metric is a score: higher is better. The search, the choice of the best checkpoint and the
ensemble can therefore treat all metrics alike. Distances and cross-entropy are negated.
"""

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from raytrain.config.base import Spec
from raytrain.config.errors import unknown_name
from raytrain.config.map_metrics import (
    CrossEntropyMetricSpec,
    FocalMetricSpec,
    MetricBase,
    SoftDiceMetricSpec,
    SoftIoUMetricSpec,
)
from raytrain.config.own import Widened, own_specs
from raytrain.config.target import Target

Empty = Literal[1, 0, "skip"]
"""The value of a class when its fraction is 0/0; `skip` leaves the class out of the mean."""


class _OverlapSpec(MetricBase):
    over: Literal["images", "set"] = "images"
    """`images`: a score per image and class, then the mean over images. `set`: pixels are summed
    over all images first ("volume Dice", "global Dice")."""
    average: Literal["macro", "weighted"] = "macro"
    """How classes are averaged: `macro` weights them equally, `weighted` by their true pixels in
    the whole set."""
    background: bool = False
    """Whether class 0 counts too."""
    only: int | None = Field(None, ge=0)
    """The number of the one class that counts; null: all."""
    empty: Empty = 1

    @property
    def label(self) -> str:
        volume = "volume " if self.over == "set" else ""
        weighted = "weighted " if self.average == "weighted" else ""
        return volume + weighted + self.word + self._of

    @property
    def key(self) -> str:
        over = "" if self.over == type(self).model_fields["over"].default else f"{self.over}_"
        weighted = "weighted_" if self.average == "weighted" else ""
        return over + weighted + super().key + ("" if self.only is None else f"_{self.only}")

    @property
    def _of(self) -> str:
        return "" if self.only is None else f" of class {self.only}"

    @model_validator(mode="after")
    def _counts_a_class(self) -> Self:
        if self.only == 0 and not self.background:
            raise ValueError("only: class 0 is the background; set background to true")
        if self.only is not None and self.average == "weighted":
            raise ValueError("average: one class has no weighted mean; leave average out")
        return self


class DiceMetricSpec(_OverlapSpec):
    """2 TP / (2 TP + FP + FN), 0 .. 1. The bare word `dice` is the mean over images and foreground
    classes; a class that is absent and not predicted scores 1."""

    name: Literal["dice"] = "dice"
    word: ClassVar[str] = "Dice"


class IoUMetricSpec(_OverlapSpec):
    """TP / (TP + FP + FN), 0 .. 1 (Jaccard)."""

    name: Literal["iou"] = "iou"
    word: ClassVar[str] = "IoU"


class MeanAveragePrecisionMetricSpec(_OverlapSpec):
    """Share of the thresholds .50, .55 ... .95 that the IoU of a mask exceeds, 0 .. 1, as in the
    TGS salt competition: each image and class is one object."""

    name: Literal["mean_average_precision"] = "mean_average_precision"
    word: ClassVar[str] = "mAP"


class _ReportSpec(_OverlapSpec):
    """Base of the metrics that have the defaults of scikit-learn's classification report."""

    over: Literal["images", "set"] = "set"
    background: bool = True
    empty: Empty = 0

    @property
    def label(self) -> str:
        average = "" if self.only is not None else f"{self.average} "
        return average + self.word + self._of + (" of images" if self.over == "images" else "")


class PrecisionMetricSpec(_ReportSpec):
    """TP / (TP + FP), 0 .. 1."""

    name: Literal["precision"] = "precision"
    word: ClassVar[str] = "precision"


class RecallMetricSpec(_ReportSpec):
    """TP / (TP + FN), 0 .. 1."""

    name: Literal["recall"] = "recall"
    word: ClassVar[str] = "recall"


class F1MetricSpec(_ReportSpec):
    """The harmonic mean of precision and recall, 0 .. 1."""

    name: Literal["f1"] = "f1"
    word: ClassVar[str] = "F1"


class FBetaMetricSpec(_ReportSpec):
    """The weighted harmonic mean of precision and recall, 0 .. 1 (van Rijsbergen 1979)."""

    name: Literal["fbeta"] = "fbeta"
    beta: float = Field(2.0, gt=0)
    """Recall counts beta times as much as precision."""
    word: ClassVar[str] = "F-beta"


class AccuracyMetricSpec(MetricBase):
    """Share of correct pixels, background included, 0 .. 1: over the set, or mean over images."""

    name: Literal["accuracy"] = "accuracy"
    word: ClassVar[str] = "accuracy"
    over: Literal["images", "set"] = "set"


class HausdorffMetricSpec(MetricBase):
    """Minus the distance between the two borders in px, mean over images and classes."""

    name: Literal["hausdorff"] = "hausdorff"
    percentile: float = Field(100.0, gt=0, le=100)
    """100 is the largest distance from one border to the other; 95 is the common robust choice."""
    background: bool = False
    """Whether class 0 counts too."""
    one_empty: Literal["diagonal", "skip"] | Annotated[float, Field(ge=0)] = "diagonal"
    """The distance, in px, when only one of the two masks has the class; `diagonal`: the length of
    the image's diagonal."""
    both_empty: Literal["skip"] | Annotated[float, Field(ge=0)] = 0.0
    """The distance, in px, when neither mask has the class."""

    @property
    def label(self) -> str:
        return "-Hausdorff" + ("" if self.percentile == 100 else f"{self.percentile:g}")


_SingleMetricSpec = (
    DiceMetricSpec
    | IoUMetricSpec
    | MeanAveragePrecisionMetricSpec
    | PrecisionMetricSpec
    | RecallMetricSpec
    | F1MetricSpec
    | FBetaMetricSpec
    | AccuracyMetricSpec
    | HausdorffMetricSpec
    | CrossEntropyMetricSpec
    | FocalMetricSpec
    | SoftDiceMetricSpec
    | SoftIoUMetricSpec
)
SINGLE = tuple(spec.model_fields["name"].default for spec in get_args(_SingleMetricSpec))


def _single(value: Any) -> Any:
    """Return a word as `{name: word}`, else the value. Raises ValueError for an unknown word."""
    if isinstance(value, str):
        if value not in SINGLE:
            raise ValueError(unknown_name(value, (*SINGLE, *own_specs("METRICS"))))
        return {"name": value}
    return value


def _any(value: Any) -> Any:
    """Return a mapping without a name, such as `{empty: 0}`, as one of `dice`."""
    return {"name": "dice", **value} if isinstance(value, dict) else _single(value)


class MetricTerm(Spec):
    """One metric of a weighted sum."""

    weight: float = Field(1.0, gt=0)
    """Factor of this term in the sum, above 0: for every metric, higher is better."""
    metric: Annotated[
        _SingleMetricSpec,
        Field(discriminator="name"),
        BeforeValidator(_single, json_schema_input_type=str | _SingleMetricSpec),
        Widened("METRICS", by_word=True),
    ]


class WeightedMetricSpec(MetricBase):
    """A weighted sum of metrics.

    `{name: weighted, terms: [{weight: 0.7, metric: dice}, {weight: 0.3, metric: iou}]}`
    """

    name: Literal["weighted"] = "weighted"
    terms: tuple[MetricTerm, ...] = Field(min_length=1)

    @property
    def label(self) -> str:
        return " + ".join(f"{term.weight:g} {term.metric.label}" for term in self.terms)


AnyMetricSpec = _SingleMetricSpec | WeightedMetricSpec
MetricSpec = Annotated[
    AnyMetricSpec,
    Field(discriminator="name"),
    BeforeValidator(_any, json_schema_input_type=str | AnyMetricSpec),
    Widened("METRICS", by_word=True),
]

ONE_CLASS = ("accuracy", "cross_entropy", "focal")
"""Metrics that need exactly one class per pixel."""


def metric_problems(
    key: str, metrics: tuple[MetricSpec, ...], classes: int, target: Target
) -> list[str]:
    """Return the problems of the metrics under the job's key `key`, one line each. `classes` is the
    number of classes, background included."""
    problems = []
    for metric in metrics:
        for part in [t.metric for t in metric.terms] if metric.name == "weighted" else [metric]:
            if target == "multi_label" and part.name in ONE_CLASS:
                problems.append(
                    f"{key}: {part.name} needs one class a pixel, and here classes overlap; choose "
                    "another, such as dice"
                )
            if (only := getattr(part, "only", None)) is not None and only >= classes:
                text = f"only: {only}: write a class number from 0 to {classes - 1}"
                problems.append(f"{key}: {part.name}: {text}")
            match part:
                case CrossEntropyMetricSpec(class_weights=given) | FocalMetricSpec(alpha=given):
                    if given is not None and len(given) != classes:
                        text = f"{len(given)} weights for {classes} classes; give each class one"
                        problems.append(f"{key}: {part.name}: {text}")
    return problems
