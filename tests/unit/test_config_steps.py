"""Specs of fitted steps: order, JSON, what is refused, and what `auto` tries."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from raytrain.config.base import Spec
from raytrain.config.predict import PredictSpec
from raytrain.config.steps import (
    STEP_SPECS,
    BiasStep,
    FillHolesStep,
    InsideStep,
    Steps,
    applicable,
)
from tests.step_maps import fitted


class Holder(Spec):
    steps: Steps = ()


@pytest.mark.parametrize("name", list(STEP_SPECS))
def test_fitted_steps_survive_json(name: str) -> None:
    for _, step in fitted(name, 4):
        held = Holder(steps=(step, FillHolesStep(at=(1, 0, 1)))[: 1 + (name != "fill_holes")])
        assert Holder.model_validate_json(held.model_dump_json()) == held
        assert Holder.model_validate(held.model_dump()) == held


def test_steps_of_a_spec_are_sorted() -> None:
    lower, upper = InsideStep(inner=3, outer=1), InsideStep(inner=2, outer=1)
    fill, bias = FillHolesStep(at=(1, 1, 1)), BiasStep(at=(0, 0, 1))
    assert Holder(steps=(lower, fill, upper, bias)).steps == (bias, fill, lower, upper)


REFUSED: list[tuple[list[dict[str, Any]], str]] = [
    ([{"name": "threshold", "at": [0.4]}, {"name": "quantile", "at": [0.1]}], "exclude each other"),
    ([{"name": "presence", "at": [4]}, {"name": "presence", "at": [8]}], "presence occurs 2 times"),
    ([{"name": "inside", "inner": 1, "outer": 1}], "name two classes"),
    ([{"name": "inside", "inner": 0, "outer": 1}], "greater than or equal to 1"),
    ([{"name": "threshold", "at": [1.5]}], "less than or equal to 1"),
    ([{"name": "threshold", "at": []}], "at least 1 item"),
    ([{"name": "fill_holes", "at": [2]}], "less than or equal to 1"),
    ([{"name": "fill_holes", "at": [0.5]}], "multiple of 1"),
    ([{"name": "smallest_area", "at": [-1]}], "greater than or equal to 0"),
    ([{"name": "largest_components", "at": ["inf"]}], "finite|multiple"),
    ([{"name": "bias", "at": ["nan"]}], "equal to 20|finite"),
    ([{"name": "opening", "at": [1]}], "opening"),
    ([{"name": "fill_holes", "at": [1], "size": 3}], "Extra inputs"),
]


@pytest.mark.parametrize(("steps", "words"), REFUSED)
def test_what_is_refused(steps: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TypeAdapter(Steps).validate_python(steps)


def test_auto_tries_what_fits_the_masks() -> None:
    shapes = ("presence", "fill_holes", "smallest_area", "largest_components")
    assert applicable(2, "single_label") == ("threshold", "quantile", *shapes)
    assert applicable(2, "multi_label") == ("threshold", "quantile", *shapes)
    assert applicable(4, "single_label") == ("bias", *shapes)
    assert applicable(4, "multi_label") == ("threshold", *shapes)


def test_all_listed_steps_that_do_not_fit_are_named() -> None:
    spec = PredictSpec.model_validate(
        {"steps": ["bias", "fill_holes", {"name": "inside", "inner": "lv", "outer": "mio"}]}
    )
    known = "threshold, quantile, presence, fill_holes, smallest_area, largest_components"
    assert spec.step_problems(("bg", "polyp"), "single_label") == [
        f"predict.steps: bias does not work with 2 classes (single_label); choose from {known}",
        "predict.steps: inside: unknown 'lv'; known: polyp",
        "predict.steps: inside: unknown 'mio'; known: polyp",
        f"predict.steps: inside does not work with 2 classes (single_label); choose from {known}",
    ]
    assert spec.step_problems(("bg", "lv", "mio"), "single_label") == []
    same = PredictSpec.model_validate({"steps": [{"name": "inside", "inner": "a", "outer": "a"}]})
    [line] = same.step_problems(("bg", "a", "b"), "single_label")
    assert "inner and outer are both a; name two classes" in line


@pytest.mark.parametrize(
    ("value", "expected"),
    [("auto", "auto"), ("none", ()), (None, ()), ([], ()), ("hflip", ("hflip",))],
)
def test_tta_is_auto_none_or_groups_of_views(value: Any, expected: Any) -> None:
    assert PredictSpec(tta=value).tta == expected


def test_an_unknown_step_gets_a_suggestion() -> None:
    with pytest.raises(ValidationError, match="did you mean 'threshold'"):
        PredictSpec(steps=("treshold",))
    with pytest.raises(ValidationError, match="hflip"):
        PredictSpec(tta=("flip",))
