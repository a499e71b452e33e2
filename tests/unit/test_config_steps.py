"""Specs of fitted steps: order, JSON, what is refused, and what `auto` tries."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from raytrain.config.base import Spec
from raytrain.config.load import load_job
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
        f"predict.steps: inside does not work with 2 classes (single_label); choose from {known}",
    ]
    assert spec.step_problems(("bg", "lv", "myo"), "single_label") == [
        "predict.steps: inside: unknown 'mio'; did you mean 'myo'?"
    ]
    assert spec.step_problems(("bg", "lv", "mio"), "single_label") == []


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([{"name": "inside", "inner": "a", "outer": "a"}], "inside needs two classes"),
        (["inside"], "inside needs two classes"),
        ([{"name": "bias", "inner": "a"}], "leave them out of bias"),
        (["bias", "bias"], "bias is listed 2 times"),
    ],
)
def test_other_wrong_steps(steps: list[Any], words: str) -> None:
    [line] = PredictSpec.model_validate({"steps": steps}).step_problems(
        ("bg", "a", "b"), "single_label"
    )
    assert words in line


def test_steps_are_tried_in_the_order_in_which_they_are_applied() -> None:
    inside = {"name": "inside", "inner": "a", "outer": "b"}
    for steps, expected in (
        ("auto", applicable(3, "single_label")),
        ([inside, "auto"], (*applicable(3, "single_label"), "inside")),
        (["smallest_area", "bias"], ("bias", "smallest_area")),
        ("none", ()),
    ):
        spec = PredictSpec.model_validate({"steps": steps})
        assert tuple(step.name for step in spec.tried_steps(3, "single_label")) == expected
        assert PredictSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("auto", ("auto",)), ("none", ()), (None, ()), ([], ()), ("hflip", ("hflip",)),
        (["auto", "scales"], ("auto", "scales")),
    ],
)  # fmt: skip
def test_tta_is_auto_none_or_groups_of_views(value: Any, expected: Any) -> None:
    assert PredictSpec(tta=value).tta == expected


def test_an_unknown_name_gets_one_line_with_a_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text("competition: {name: x, data: d, classes: [a, b]}")
    with pytest.raises(ValueError, match="2 problems") as caught:
        load_job(path, ["predict.tta=[hflp]", "predict.steps=[treshold]"])
    assert str(caught.value).split("\n")[1:] == [
        "  predict.tta[0]: unknown 'hflp'; did you mean 'hflip'?",
        "  predict.steps[0].name: unknown 'treshold'; did you mean 'threshold'?",
    ]
