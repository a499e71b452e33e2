"""Figures that a published study states, for comparison with a search of the same choices."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from raytrain.config.base import Spec
from raytrain.config.errors import unknown_name
from raytrain.config.metrics import DiceMetricSpec, MetricSpec
from raytrain.config.space_points import value_at
from raytrain.config.trial import TrialSpec

Same = Literal["same", "other", "unknown"]


class StatedSpec(Spec):
    """Figures that the source states for one choice, or for the best of several."""

    at: dict[str, str] = {}
    """Factor -> choice, named as in `choice_label`. For a missing factor, the figures are of its
    best choice."""
    figures: dict[str, float] = Field(min_length=1)
    """Measure -> figure, such as `{dice: 0.4087, iou: 0.3092}`. A measure is written as its
    metric's name. `weighted_` before the name means the mean that is weighted by class size. A
    number after the name means that only this class counts: `f1_2`."""


class StudySpec(Spec):
    """The source of a study, the measures, and the figures that the source states."""

    source: str
    """The source, such as `A3`: the number of a row in the table of source systems."""
    stated: str
    """The source's own words for its figures, such as `mean validation accuracy`."""
    same_measure: Same = "unknown"
    """Whether the source's figures are of the first of `measures`: `same`, `other`, or `unknown` if
    the source does not define them."""
    same_images: Same = "unknown"
    """Whether the source's figures are of the same images as ours."""
    measures: tuple[MetricSpec, ...] = Field((DiceMetricSpec(),), min_length=1)
    """The metrics to compare. They are computed on the validation images at the best epoch."""
    figures: tuple[StatedSpec, ...] = ()

    @model_validator(mode="after")
    def _states_what_is_measured(self) -> Self:
        names = [measure.key for measure in self.measures]
        asked = sorted({key for stated in self.figures for key in stated.figures})
        lines = [unknown_name(key, names) for key in asked if key not in names]
        lines += [
            f"{key} names several measures; keep one of them"
            for key in asked
            if names.count(key) > 1
        ]
        if lines:
            raise ValueError(f"figures: {'; '.join(lines)} (study.measures)")
        return self


def choice_label(spec: TrialSpec, path: str) -> str:
    """Return a trial's value at a path of the search space as a short text: `unet16x4`, `sgd`,
    `0.001`."""
    if path == "model":
        return spec.model.label
    if path == "loss":
        return spec.loss_label
    return _short(value_at(spec.model_dump(mode="json"), path))


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return str(value["name"]) if "name" in value else " ".join(map(_short, value.values()))
    if isinstance(value, list):
        return " + ".join(map(_short, value))
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
